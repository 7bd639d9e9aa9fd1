"""The route that describes a dataset for catalogues of datasets."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from model_store import StoreUnavailable
from service.datasets.croissant import MEDIA_TYPE, croissant
from service.deps import DatasetsDep
from service.web.problem_docs import problem_responses
from worker.datasets import DatasetCorrupt, DatasetNotFound, DatasetNotReady, reference_to

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.get(
    "/{name}/croissant.json",
    summary="A dataset in Croissant",
    response_class=JSONResponse,
    responses={
        **problem_responses(DatasetNotFound, DatasetNotReady, DatasetCorrupt, StoreUnavailable),
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}, "description": "JSON-LD of Croissant 1.0."},
    },
)
async def get_croissant(
    name: str,
    request: Request,
    datasets: DatasetsDep,
    version: Annotated[
        int | None, Query(ge=1, le=10**6, description="Of an uploaded dataset. Default: the newest version.")
    ] = None,
) -> JSONResponse:
    """What the dataset is, in the form that catalogues of datasets read: Croissant 1.0, which is JSON-LD.

    Name, description, licence, official files with their checksums, classes and splits with their numbers of pictures.
    """
    await asyncio.to_thread(datasets.find, reference_to(name, version))
    url = str(request.url.replace(query="")).removesuffix("/croissant.json")
    return JSONResponse(croissant(await datasets.one(name, version), url), media_type=MEDIA_TYPE)
