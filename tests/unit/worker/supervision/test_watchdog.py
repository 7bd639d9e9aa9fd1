import os
import time

import pytest

from worker.jobs.records import Phase, Progress
from worker.supervision.watchdog import BUSY_FACTOR, EPOCHS_OF_SILENCE, QUIET_PHASE_FACTOR, Watchdog, cpu_seconds_of

PATIENCE_S = 10.0


class Trainer:
    """A trainer's clock and its processor time, as a watchdog sees them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cpu_s = 0.0
        self.watchdog = Watchdog(PATIENCE_S, lambda: self.cpu_s, lambda: self.now)

    def reports(self, epoch: int = 1, step: int = 1, phase: Phase = "training") -> None:
        self.watchdog.hear(Progress(phase=phase, epoch=epoch, step=step))

    def is_idle_for(self, seconds: float) -> None:
        self.now += seconds

    def computes_for(self, seconds: float) -> None:
        self.now += seconds
        self.cpu_s += seconds


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


def test_a_training_loop_that_falls_silent_and_idle_has_stalled(trainer: Trainer) -> None:
    trainer.reports()
    trainer.is_idle_for(PATIENCE_S)
    assert not trainer.watchdog.is_stalled()
    trainer.is_idle_for(0.1)
    assert trainer.watchdog.is_stalled()
    assert trainer.watchdog.silence_s() == pytest.approx(PATIENCE_S + 0.1)


def test_whatever_is_heard_counts(trainer: Trainer) -> None:
    trainer.reports()
    trainer.is_idle_for(PATIENCE_S)
    trainer.watchdog.hear()
    trainer.is_idle_for(PATIENCE_S)
    assert not trainer.watchdog.is_stalled()


@pytest.mark.parametrize("phase", ["starting", "preparing", "evaluating", "exporting", "publishing", "downloading"])
def test_phases_with_little_to_say_may_be_silent_for_longer(phase: Phase, trainer: Trainer) -> None:
    trainer.reports(phase=phase, step=0)
    trainer.is_idle_for(QUIET_PHASE_FACTOR * PATIENCE_S)
    assert not trainer.watchdog.is_stalled()
    trainer.is_idle_for(0.1)
    assert trainer.watchdog.is_stalled()


def test_the_first_step_may_take_as_long_as_a_quiet_phase(trainer: Trainer) -> None:
    trainer.reports(step=0)
    trainer.is_idle_for(QUIET_PHASE_FACTOR * PATIENCE_S)
    assert not trainer.watchdog.is_stalled()


def test_long_epochs_allow_long_silences(trainer: Trainer) -> None:
    for epoch in range(1, 4):
        trainer.reports(epoch=epoch)
        trainer.is_idle_for(3 * PATIENCE_S)
        trainer.reports(epoch=epoch, step=99)
    trainer.reports(epoch=4)
    trainer.is_idle_for(EPOCHS_OF_SILENCE * 3 * PATIENCE_S)
    assert not trainer.watchdog.is_stalled()
    trainer.is_idle_for(1)
    assert trainer.watchdog.is_stalled()


def test_a_trainer_that_computes_has_not_stalled_but_may_not_do_so_in_silence_for_ever(trainer: Trainer) -> None:
    trainer.reports()
    trainer.computes_for(BUSY_FACTOR * PATIENCE_S)
    assert not trainer.watchdog.is_stalled()
    trainer.computes_for(0.1)
    assert trainer.watchdog.is_stalled()


def test_what_was_computed_before_the_silence_does_not_count(trainer: Trainer) -> None:
    trainer.computes_for(1000)
    trainer.reports()
    trainer.is_idle_for(PATIENCE_S + 0.1)
    assert trainer.watchdog.is_stalled()


def test_the_processor_time_of_a_process_is_what_the_system_says() -> None:
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    assert cpu_seconds_of(os.getpid()) == pytest.approx(time.process_time(), abs=0.5)
    assert cpu_seconds_of(2**22 + 1) == 0
