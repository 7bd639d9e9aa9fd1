"""Made-up jobs in large numbers: finished ones in the ledger, and queued ones on the server."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from worker.job_store.store import JobStore
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import History, JobFailure, JobRecord, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.ledger.archive import Archive
from worker.ledger.archivist import SEGMENT_JOBS
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


def finished(n: int, chance: random.Random) -> Iterator[Entry]:
    """Finished jobs, numbered from 1; those of a model and an architecture differ in what lists filter by."""
    made = {}
    for number in range(1, n + 1):
        choice = (chance.choice(ARCHITECTURES), chance.choice(MODELS))
        if choice not in made:
            made[choice] = entry_of(0, template(*choice), ["2026-01-01 10:00:00 a line of the log"] * 12).record
        state = chance.choice(STATES)
        failure = JobFailure(code="diverged", message="The training loss became nan.").model_dump()
        yield Entry(
            number,
            made[choice]
            | {
                "id": f"j{number:09}",
                "state": state,
                "owner": chance.choice(OWNERS),
                "tags": chance.choice(TAGS),
                "model": made[choice]["model"] if state is JobState.SUCCEEDED else None,
                "error": failure if state is JobState.FAILED else None,
                "created_at": (BEGAN_AT + timedelta(seconds=number)).isoformat(),
            },
            made_log(number),
        )


def made_log(number: int) -> list[str]:
    """A dozen lines."""
    return [f"2026-01-01 10:00:{second:02} epoch {second} of job {number} has ended" for second in range(12)]


def fill_ledger(archive: Archive, entries: Iterable[Entry]) -> None:
    """Write segments of finished jobs, as the archivist does."""
    left = iter(entries)
    while segment := list(islice(left, SEGMENT_JOBS)):
        archive.add(segment)


def fill_queue(jobs: JobStore, n: int) -> None:
    """Submit jobs of all owners."""
    chance = random.Random(8)
    plans = [template(architecture, model).request for architecture in ARCHITECTURES for model in MODELS]
    for _ in range(n):
        labels = Labels(tags=chance.choice(TAGS), priority=chance.randint(-10, 10))
        jobs.submit(chance.choice(plans), labels=labels, owner=chance.choice(OWNERS))
