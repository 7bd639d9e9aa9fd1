"""Runs checks one after the other and prints what became of them, as a row each."""

import time
from collections.abc import Callable
from dataclasses import dataclass

WIDTH = 56


@dataclass(frozen=True)
class Row:
    """One check.

    Attributes:
        name: what was tried.
        fault: why it does not hold; None if it does.
        said: figures.
        seconds: how long it took.
    """

    name: str
    fault: str | None
    said: str
    seconds: float

    def __str__(self) -> str:
        result = f"ok: {self.said}" if self.fault is None else f"FAILED: {self.fault}"
        return f"{self.name:<{WIDTH}} | {result} | {self.seconds:.0f}"


def header() -> str:
    """The table's first line."""
    return f"{'check':<{WIDTH}} | result | seconds"


def tried(name: str, check: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> Row:
    """Run a check; an exception becomes its fault, and the next check is tried all the same."""
    began = clock()
    try:
        said, fault = check(), None
    except Exception as error:  # noqa: BLE001 - the row says what it was
        said, fault = "", " ".join(str(error).split()) or type(error).__name__
    return Row(name, fault, said, clock() - began)
