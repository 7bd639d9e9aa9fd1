import math

import pytest

from worker.jobs.plan import plan
from worker.jobs.records import Claim
from worker.jobs.request import JobRequest
from worker.supervision.limits import (
    ESTIMATE_FACTOR,
    ESTIMATE_MARGIN_BYTES,
    NO_LIMITS,
    Limits,
    LimitWatch,
    memory_limit,
)

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2, batch_size=32))
GIB = 2**30


class Trainer:
    """A trainer's clock and memory, as a watch over its limits sees them."""

    def __init__(self, limits: Limits, ran_s: float = 0.0) -> None:
        self.now = 0.0
        self.held = 0
        claim = Claim(job="k3v9x2m7qd", plan=PLAN, attempt=1, fence=1, ran_s=ran_s)
        self.watch = LimitWatch(limits, claim, lambda: self.held, lambda: self.now)


def test_a_job_that_runs_too_long_fails_and_is_told_what_to_change() -> None:
    trainer = Trainer(Limits(seconds=7200.0))
    trainer.now = 7199.0
    assert trainer.watch.breach() is None
    trainer.now = 7201.0
    failure = trainer.watch.breach()
    assert failure is not None
    assert failure.code == "took_too_long"
    assert "2 h" in failure.message
    assert failure.hint
    assert "CONVSERVE_MAX_JOB_S" in failure.hint


def test_time_of_earlier_attempts_counts() -> None:
    trainer = Trainer(Limits(seconds=100.0), ran_s=90.0)
    trainer.now = 11.0
    assert trainer.watch.breach() is not None


def test_a_job_that_publishes_has_done_its_work() -> None:
    trainer = Trainer(Limits(seconds=10.0, memory_bytes=GIB))
    trainer.watch.publishes()
    trainer.now = 60.0
    assert trainer.watch.breach() is None
    trainer.held = GIB + 1
    assert trainer.watch.breach() is not None


def test_a_trainer_that_holds_too_much_memory_fails_with_a_smaller_batch_as_the_hint() -> None:
    trainer = Trainer(Limits(memory_bytes=3 * GIB))
    trainer.held = 3 * GIB
    assert trainer.watch.breach() is None
    trainer.held = 4 * GIB
    failure = trainer.watch.breach()
    assert failure is not None
    assert failure.code == "out_of_memory"
    assert "4.3 GB" in failure.message
    assert "3.2 GB" in failure.message
    assert failure.hint == 'Try "batch_size": 16, or a smaller network.'


def test_without_limits_nothing_is_too_much() -> None:
    trainer = Trainer(NO_LIMITS)
    trainer.now, trainer.held = 1e9, 10**15
    assert trainer.watch.breach() is None
    assert Limits(math.inf, math.inf) == NO_LIMITS


@pytest.mark.parametrize(
    ("setting", "estimated", "limit"),
    [
        (3 * GIB, GIB, 3 * GIB),
        (None, GIB, ESTIMATE_FACTOR * GIB + ESTIMATE_MARGIN_BYTES),
        (None, 60 * GIB, 64 * GIB),
        (None, None, 64 * GIB),
    ],
)
def test_a_limit_is_the_setting_or_comes_from_host_and_estimate(
    setting: int | None, estimated: int | None, limit: int
) -> None:
    most = setting or 64 * GIB
    assert memory_limit(setting, most, estimated) == limit
