"""The log of a job: a line for every epoch, and one for how it ended."""

from typing import cast

import pytest

from worker.job_store.store import JobStore
from worker.jobs.plan import plan
from worker.jobs.records import Claim, History, Progress
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.supervision.job_trace import JobTrace
from worker.supervision.journal import Journal
from worker.supervision.messages import ProgressMade


class Written:
    """A job store and a trace that only remember the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def append_log(self, job: str, lines: list[str]) -> None:
        self.lines += [line[20:] for line in lines]  # after the time

    def heartbeat(self, *_: object) -> bool:
        return False

    def enter(self, phase: str) -> None: ...

    def end(self, *_: object) -> None: ...


@pytest.fixture
def written() -> Written:
    return Written()


def journal(written: Written, **changes: object) -> Journal:
    asked = JobRequest.model_validate({"architecture": "cnn", "dataset": "cifar10", "epochs": 4, **changes})
    claim = Claim.model_construct(job="j", plan=plan(asked), fence=1, attempt=1)
    return Journal(cast(JobStore, written), claim, cast(JobTrace, written))


def after(epochs: int) -> History:
    figures = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.7, "learning_rate": 0.1}
    history = History()
    for _ in range(epochs):
        history = history.with_epoch(figures)
    return history


def told(found: Journal, epochs: int, phase: str = "training") -> None:
    progress = Progress.model_validate({"phase": phase, "epochs": 4, "epoch": epochs})
    found.note_progress(ProgressMade(progress=progress, history=after(epochs)))


def test_every_epoch_and_the_end_have_a_line(written: Written) -> None:
    found = journal(written)
    for epochs in (1, 1, 2):
        told(found, epochs)
    found.log_end("failed (diverged): loss is NaN")
    found.end(JobState.FAILED, lambda: True)
    figures = "loss 0.5000, accuracy 0.8000, val_loss 0.6000, val_accuracy 0.7000"
    assert written.lines == [f"epoch 1/4: {figures}", f"epoch 2/4: {figures}", "failed (diverged): loss is NaN"]


def test_an_early_stop_is_said(written: Written) -> None:
    found = journal(written, early_stopping=True)
    told(found, 3, phase="evaluating")
    found.log_end("published m, version 1")
    found.end(JobState.SUCCEEDED, lambda: True)
    assert written.lines[-2:] == ["stopped early after epoch 3/4; the best was epoch 1", "published m, version 1"]
