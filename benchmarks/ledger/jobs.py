"""Made-up jobs in large numbers: finished ones in the ledger, and queued ones on the server."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from worker.job_store.store import JobStore
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import History, JobFailure, JobRecord, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.ledger.entries import Entry, entry_of

OWNERS = [f"student-{number:02}" for number in range(40)]
MODELS = [f"model-{number:02}" for number in range(25)]
ARCHITECTURES = ["lenet5-fashion", "cnn", "cnn-wide", "lenet5"]
TAGS: list[tuple[str, ...]] = [(), (), (), ("week-1",), ("week-2", "again")]
STATES = [JobState.SUCCEEDED] * 8 + [JobState.FAILED, JobState.CANCELLED]
EPOCHS = 10
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)


def history(epochs: int) -> History:
    """A training that gets better."""
    values = [0.5 + 0.4 * epoch / epochs + 0.0123456789 for epoch in range(epochs)]
    return History(
        loss=values,
        accuracy=values,
        val_loss=values,
        val_accuracy=values,
        learning_rate=[0.01] * epochs,
        best_epoch=epochs,
    )


def template(architecture: str, model: str) -> JobRecord:
    """A job that succeeded."""
    request = JobRequest(architecture=architecture, dataset="fashion_mnist_sample", epochs=EPOCHS, model=model)
    return JobRecord(
        id="",
        state=JobState.SUCCEEDED,
        request=plan(request),
        history=history(EPOCHS),
        model=PublishedModel(name=model, version=1, test_loss=0.5, test_accuracy=0.8),
        created_at=BEGAN_AT,
        started_at=BEGAN_AT,
        finished_at=BEGAN_AT,
    )


@cache
def record_like(architecture: str, model: str) -> dict[str, Any]:
    """The record of a job that succeeded, as JSON."""
    return entry_of(0, template(architecture, model), []).record


def finished(begin: int, end: int, chance: random.Random) -> Iterator[Entry]:
    """Finished jobs of these numbers, `end` not included.

    Those of a model and an architecture differ in what lists filter by.
    """
    for number in range(begin, end):
        choice = (chance.choice(ARCHITECTURES), chance.choice(MODELS))
        made = record_like(*choice)
        state = chance.choice(STATES)
        failure = JobFailure(code="diverged", message="The training loss became nan.").model_dump()
        yield Entry(
            number,
            made
            | {
                "id": f"j{number:09}",
                "state": state,
                "owner": chance.choice(OWNERS),
                "tags": chance.choice(TAGS),
                "model": made["model"] if state is JobState.SUCCEEDED else None,
                "error": failure if state is JobState.FAILED else None,
                "created_at": (BEGAN_AT + timedelta(seconds=number)).isoformat(),
            },
            made_log(number),
        )


def made_log(number: int) -> list[str]:
    """A dozen lines."""
    return [f"2026-01-01 10:00:{second:02} epoch {second} of job {number} has ended" for second in range(12)]


def fill_queue(jobs: JobStore, n: int) -> None:
    """Submit jobs of all owners."""
    chance = random.Random(8)
    plans = [template(architecture, model).request for architecture in ARCHITECTURES for model in MODELS]
    for _ in range(n):
        labels = Labels(tags=chance.choice(TAGS), priority=chance.randint(-10, 10))
        jobs.submit(chance.choice(plans), labels=labels, owner=chance.choice(OWNERS))
