"""A job as `GET /jobs/{id}` shows it: its record, and what the doctor finds about it."""

import asyncio

from pydantic import Field

from model_store import ModelStore, StoreUnavailable
from service.models.diagnoses import diagnosis_of_job
from worker.datasets import DatasetError, FindDataset
from worker.doctor.findings import Diagnosis
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState


class JobAnswer(JobRecord):
    """Everything that is known about one job."""

    doctor: Diagnosis | None = Field(
        description="What the doctor finds, after every epoch anew; once the job has published, what was found in the "
        "whole run. Null while the job waits, for an import, and when its dataset is gone."
    )


async def job_answer(job: JobRecord, find_dataset: FindDataset, store: ModelStore) -> JobAnswer:
    """The record with a diagnosis."""
    has_nothing = job.state is JobState.QUEUED or job.kind == "import"
    diagnosis = None if has_nothing else await asyncio.to_thread(_diagnosis, job, find_dataset, store)
    return JobAnswer.model_construct(**dict(job), doctor=diagnosis)


def _diagnosis(job: JobRecord, find_dataset: FindDataset, store: ModelStore) -> Diagnosis | None:
    try:
        classes = find_dataset(job.request.dataset).classes
    except (DatasetError, StoreUnavailable):
        return None
    return diagnosis_of_job(job, classes, store)
