"""What a submission would run and how long it would take, without queueing anything."""

import asyncio
import heapq
from collections.abc import Sequence

from pydantic import BaseModel, Field, JsonValue

from model_store import Manifest, StoreUnavailable
from service.models.catalog import Catalog
from service.models.version_record import VersionRecord
from worker.datasets import DatasetError, FindDataset
from worker.estimates import Estimate, PastRun, TimeEstimate, estimate, past_run
from worker.jobs.grids import PlannedJob
from worker.jobs.plan import TrainingPlan

MANIFESTS_READ = 100
"""The newest versions show how fast trainings are here; reading more only costs time."""


class PlannedTraining(BaseModel, defer_build=True):
    """A training that would be queued."""

    varied: dict[str, JsonValue] = Field(description="The grid's fields, with this job's values; empty without a grid.")
    request: TrainingPlan = Field(description="What would run, with every default filled in.")
    estimate: Estimate


class DryRun(BaseModel, defer_build=True):
    """What a submission would do; nothing was queued."""

    jobs: list[PlannedTraining] = Field(description="One, or as many as the grid has combinations.")
    time: TimeEstimate = Field(description="Of all jobs one after another.")


async def dry_run(jobs: Sequence[PlannedJob], catalog: Catalog, find_dataset: FindDataset) -> DryRun:
    """Estimate planned jobs, from past trainings when the store can be read."""
    try:
        index = await catalog.index()
    except StoreUnavailable:
        return await asyncio.to_thread(_dry_run, jobs, [], find_dataset)
    versions = (version for entry in index.models.values() for version in entry.versions.values())
    newest = heapq.nlargest(MANIFESTS_READ, versions, key=lambda version: version.published_at)
    return await asyncio.to_thread(_dry_run, jobs, newest, find_dataset)


def _dry_run(jobs: Sequence[PlannedJob], versions: Sequence[VersionRecord], find_dataset: FindDataset) -> DryRun:
    past = [run for version in versions if (run := _past_run(version.manifest, find_dataset))]
    planned = [
        PlannedTraining(
            varied=job.varied,
            request=job.plan,
            estimate=estimate(job.plan, find_dataset(job.plan.dataset), past),
        )
        for job in jobs
    ]
    return DryRun(jobs=planned, time=_together([training.estimate.time for training in planned]))


def _past_run(manifest: Manifest, find_dataset: FindDataset) -> PastRun | None:
    try:
        return past_run(manifest, find_dataset(manifest.dataset))
    except DatasetError:
        return None  # it has been deleted since


def _together(times: Sequence[TimeEstimate]) -> TimeEstimate:
    """The time of all jobs one after another, with the basis of the least certain estimate."""
    least = min(times, key=lambda time: time.runs)
    return TimeEstimate(
        seconds=sum(time.seconds for time in times),
        low=sum(time.low for time in times),
        high=sum(time.high for time in times),
        basis=least.basis,
        runs=least.runs,
    )
