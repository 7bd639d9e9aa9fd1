"""The route that compares the owners of models: the best version of each on one dataset."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from model_store import StoreUnavailable
from model_store.names import MODEL_PATTERN
from service.deps import DatasetsDep, IndexDep
from service.models.leaderboard import Leaderboard, leaderboard
from service.web.problem_docs import problem_responses
from worker.datasets import DatasetCorrupt, DatasetNotFound, DatasetNotReady

router = APIRouter(tags=["models"])


@router.get(
    "/leaderboard",
    summary="Best version of every owner",
    responses=problem_responses(DatasetNotFound, StoreUnavailable),
)
async def get_leaderboard(
    dataset: Annotated[
        str, Query(pattern=MODEL_PATTERN, description="Name of the dataset.", examples=["fashion_mnist"])
    ],
    index: IndexDep,
    datasets: DatasetsDep,
) -> Leaderboard:
    """Owners by the test accuracy of their best version on this dataset, the best first.

    Only versions that were tested on the same data are compared, and none that is passed over. Of versions with equal
    accuracy the one that was published first counts.
    """
    try:
        fingerprint = (await asyncio.to_thread(datasets.find, dataset)).fingerprint
    except DatasetNotFound:
        found = leaderboard(index, dataset, None)
        if not found.rows:
            raise
        return found  # the dataset was deleted; its models stay
    except (DatasetNotReady, DatasetCorrupt):
        fingerprint = None
    return leaderboard(index, dataset, fingerprint)
