"""From annotations to a new version: a dataset is made of a project's pictures, and a job trains on it.

A training goes on from the version before. It runs in the background; Label Studio does not wait for it.
"""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from functools import cache, partial

from model_store import DatasetMissing, ModelNotFound
from service.errors import CallRejected
from service.jobs.memory_check import with_memory
from service.keys.callers import Caller
from service.labelling.projects import Project, Projects
from service.models.index import Reference
from service.quotas.checks import maker_of, require_dataset_bytes, require_jobs
from service.state import ServiceState
from worker.datasets.upload.options import UploadOptions
from worker.jobs.grids import PlannedJob
from worker.jobs.plan import plan
from worker.jobs.records import JobRecord
from worker.jobs.request import JobRequest, labels_of

logger = logging.getLogger(__name__)

FEWEST_CLASSES = 2
FEWEST_OF_A_CLASS = 2
"""One for training and one for the test split."""
KEPT_DATASETS = 2
POLL_S = 0.5


class Trainings:
    """The trainings that this process prepares; one at a time for each project."""

    def __init__(self) -> None:
        self._preparing: dict[int, asyncio.Task[None]] = {}

    def start(self, state: ServiceState, projects: Projects, project: Project, caller: Caller) -> bool:
        """Prepare a training in the background; whether none was being prepared already."""
        if project.id in self._preparing:
            return False
        task = asyncio.create_task(_prepare(state, projects, project.id, caller))
        self._preparing[project.id] = task
        task.add_done_callback(lambda _: self._preparing.pop(project.id, None))
        return True

    def close(self) -> None:
        """Give up what is being prepared; the annotations are kept."""
        for task in self._preparing.values():
            task.cancel()


async def require_allowed(state: ServiceState, caller: Caller) -> None:
    """Check whether the caller's key allows one more training and its dataset, before anything is done for them.

    Raises:
        QuotaExceeded, StorageExceeded: it does not.
        QueueUnavailable, StoreUnavailable: it cannot be counted.
    """
    usage = state.usage()
    await require_jobs(caller, usage, 1)
    await require_dataset_bytes(caller, usage, 0)


async def _prepare(state: ServiceState, projects: Projects, project_id: int, caller: Caller) -> None:
    try:
        record = await train(state, projects, projects.get(project_id), caller)
        logger.info("label studio project %d: job %s trains on its annotations", project_id, record.id)
    except Exception as error:  # noqa: BLE001 - the task's boundary: Label Studio has its answer already
        logger.warning("label studio project %d: no training: %s", project_id, error)


async def train(state: ServiceState, projects: Projects, project: Project, caller: Caller) -> JobRecord:
    """Make a dataset of all annotations, and submit a job that trains on it.

    Raises:
        CallRejected: there are too few annotations, or they make no dataset.
        Exception: whatever converting and submitting raise.
    """
    async with state.conversions.receiving() as folder:
        name = f"{project.model}-{folder.id[:20].lstrip('0')}"[:63]
        with folder.archive.open("xb") as file:
            counts = await asyncio.to_thread(projects.write_archive, project, file)
        _require_enough(counts)
        title = f"Label Studio project {project.id}"
        await state.conversions.start(folder, UploadOptions(name=name, title=title), maker_of(caller, state.usage()))
    await _until_ready(state, name)
    record = await _submit(state, await _request(state, project, name), caller)
    trained = await asyncio.to_thread(projects.change, project.id, partial(_trained, name))
    deleted = await _delete_old(state, trained)
    await asyncio.to_thread(projects.change, project.id, partial(_without, deleted))
    return record


def _require_enough(counts: dict[str, int]) -> None:
    if len(counts) < FEWEST_CLASSES or min(counts.values()) < FEWEST_OF_A_CLASS:
        raise CallRejected(
            f"there are too few annotations; expected {FEWEST_CLASSES} labels with {FEWEST_OF_A_CLASS} pictures each"
        )


async def _until_ready(state: ServiceState, name: str) -> None:
    while (found := await state.datasets.one(name)).state == "converting":
        await asyncio.sleep(POLL_S)
    if found.state == "failed":
        raise CallRejected(f"the annotations make no dataset: {found.error.message if found.error else 'unknown'}")


async def _request(state: ServiceState, project: Project, dataset: str) -> JobRequest:
    """From the version before if there is one, otherwise from nothing."""
    try:
        await state.catalog.resolve(Reference(project.model))
    except ModelNotFound:
        return JobRequest.model_validate(
            {"architecture": project.architecture, "dataset": dataset, "epochs": project.epochs, "model": project.model}
        )
    return JobRequest.model_validate(
        {"initial_model": project.model, "dataset": dataset, "epochs": project.epochs, "model": project.model}
    )


async def _submit(state: ServiceState, request: JobRequest, caller: Caller) -> JobRecord:
    find_dataset = cache(state.datasets.find)
    index = await state.catalog.index()
    planned = await asyncio.to_thread(plan, request, index.find, find_dataset)
    job = PlannedJob(varied={}, plan=planned, labels=labels_of(request))
    (job,) = await with_memory([job], state.queue, state.settings.trainer_memory_bytes, find_dataset)
    return await state.queue.submit(job, "", "", "label-studio", caller)


def _trained(dataset: str, project: Project) -> Project:
    return project.model_copy(update={"untrained": 0, "datasets": [*project.datasets, dataset]})


def _without(deleted: Collection[str], project: Project) -> Project:
    return project.model_copy(update={"datasets": [name for name in project.datasets if name not in deleted]})


async def _delete_old(state: ServiceState, project: Project) -> list[str]:
    """Delete the datasets of trainings before the last one; their pictures are still in the project."""
    old = project.datasets[:-KEPT_DATASETS]
    for name in old:
        with suppress(DatasetMissing):
            await asyncio.to_thread(state.store.datasets.delete, name)
    return old
