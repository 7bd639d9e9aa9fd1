"""The route that makes a version of a dataset of feedback."""

import asyncio

from fastapi import APIRouter, Response, status

from model_store import DatasetTaken, Manifest, StoreFull
from service.deps import REQUIRE_FREE_SPACE, CallerDep, ModelName, StateDep
from service.errors import ArchiveUnusable, DatasetBuiltIn, DiskFull, TooManyUploads
from service.feedback.answers import CollectAnswer, CollectRequest
from service.feedback.collecting import Collector
from service.feedback.filters import FeedbackFilter
from service.keys.callers import Caller
from service.keys.ownership import require_owner
from service.models.index import ModelEntry
from service.quotas.checks import maker_of, require_dataset_bytes
from service.routes.feedback import FINDING
from service.state import ServiceState
from service.web.feedback_errors import NothingToCollect
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.quota_errors import StorageExceeded
from worker.datasets import DatasetNotReady

router = APIRouter(prefix="/models/{name}", tags=["feedback"])

EVERYTHING = CollectRequest()


@router.post(
    "/feedback/collect",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Make a version of a dataset of feedback",
    dependencies=[REQUIRE_FREE_SPACE],
    responses=problem_responses(
        *FINDING,
        NothingToCollect,
        NotOwner,
        DatasetBuiltIn,
        DatasetNotReady,
        DatasetTaken,
        ArchiveUnusable,
        StorageExceeded,
        TooManyUploads,
        DiskFull,
        StoreFull,
    ),
)
async def collect_feedback(
    name: ModelName, response: Response, state: StateDep, caller: CallerDep, wish: CollectRequest = EVERYTHING
) -> CollectAnswer:
    """Add the pictures that wait to a dataset; train on it with `initial_model`, and the model learns from them.

    The dataset of the model's latest version gets a new version, if it was uploaded and is the caller's. Otherwise a
    new dataset, `<model>-feedback`, begins with the pictures of the model's dataset, such as `cifar10`, and grows with
    the next collection. Pictures that the dataset has already are left out, and so are those about whose label their
    senders disagree. Nothing is deleted; a collection that fails can be repeated.

    The owner of the model, and an admin, collect the feedback of all senders, others their own.
    """
    entry = (await state.catalog.refresh()).model(name)
    sender = _sender(caller, entry.owner, wish.owner)
    collector = collector_of(state)
    manifest = _newest(entry)
    target = await asyncio.to_thread(collector.target, manifest, wish.dataset, caller)
    collections = await asyncio.to_thread(collector.collections, name)
    of_target = [each for each in collections if each.dataset == target.name]
    found = FeedbackFilter(sender, "pending").of(await state.feedback.on(name), of_target)
    if not found:
        raise NothingToCollect(name, f"all of it is in dataset {target.name!r}" if of_target else "none was sent")
    usage = state.usage()
    await require_dataset_bytes(caller, usage, sum(each.size_bytes for each in found))
    answer = await collector.collect(manifest, target, found, maker_of(caller, usage), sender)
    response.headers["Location"] = f"/datasets/{answer.dataset}"
    return answer


def _newest(entry: ModelEntry) -> Manifest:
    """The version whose dataset grows. Raises `ArtifactCorrupt` if none can be read."""
    return entry.latest.manifest if entry.latest else entry.version(max(entry.versions or entry.damaged))


def _sender(caller: Caller, model_owner: str, wanted: str | None) -> str | None:
    """Whose feedback a caller collects; None for everybody's. Raises `NotOwner`."""
    if caller.may_change(model_owner):
        return wanted
    if wanted not in (None, caller.name):
        require_owner(caller, str(wanted), f"feedback of {wanted!r}")
    return caller.name


def collector_of(state: ServiceState) -> Collector:
    """What collects feedback in this process."""
    return Collector(
        state.store.feedback,
        state.store.datasets,
        state.dataset_pictures,
        state.conversions,
        state.conversions.limits,
    )
