"""Signals are noted everywhere and interrupt only where that is safe."""

import os
import signal

import pytest

from service.cli.errors import Stopped
from service.cli.signals import HANDLED, StopSignals, ending_at_once


@pytest.mark.parametrize("number", HANDLED)
def test_a_signal_is_noted_and_waits_to_be_asked_for(number: signal.Signals) -> None:
    with StopSignals() as signals:
        signal.raise_signal(number)
        assert signals.received == 1
        with pytest.raises(Stopped) as stop:
            signals.check()
    assert stop.value.exit_code == 128 + number


def test_a_signal_inside_the_block_interrupts_it_once() -> None:
    with StopSignals() as signals:
        with pytest.raises(Stopped), signals.interrupting():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert signals.received == 2


def test_a_signal_that_came_before_the_block_is_not_forgotten() -> None:
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped), signals.interrupting():
            pytest.fail("the block must not begin")


def test_the_handlers_before_are_put_back() -> None:
    before = [signal.getsignal(number) for number in HANDLED]
    with StopSignals():
        pass
    assert [signal.getsignal(number) for number in HANDLED] == before


def test_ctrl_c_during_imports_ends_the_process_as_no_exception_that_could_be_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    before = signal.getsignal(signal.SIGINT)
    with ending_at_once():
        signal.raise_signal(signal.SIGINT)
    assert codes == [130]
    assert signal.getsignal(signal.SIGINT) is before
