"""Keeps account of promises: what was tried how often, what failed, and the table in the documentation that says so."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.paths import PROJECT
from tests.thoroughness import IS_LONG, tries

TABLE = PROJECT / "docs" / "explanation" / "promises.md"
BEGIN, END = "<!-- promises -->", "<!-- /promises -->"
HEADER = "| promise | tried | failed | measured | on |\n| --- | --- | --- | --- | --- |\n"


@dataclass
class Promise(AbstractContextManager["Promise"]):
    """One promise under test: iterate for its tries, note failures; leaving the block fails the test if there are any.

    Args:
        text: the promise, as the table says it.
        planned: how many tries.
        record: told the outcome.
    """

    text: str
    planned: int
    record: Callable[["Promise"], None]
    done: int = 0
    failures: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[int]:
        for number in range(self.planned):
            yield number
            self.done += 1

    def require(self, is_kept: bool, otherwise: str) -> None:
        """Note a failure, and go on trying."""
        if not is_kept:
            self.failures.append(f"try {self.done + 1}: {otherwise}")

    def measure(self, text: str) -> None:
        """A figure for the table."""
        self.measured.append(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            self.failures.append(f"try {self.done + 1}: {error!r}")
            self.done += 1
        self.record(self)
        if error is None:
            assert self.done, "nothing was tried"
            assert not self.failures, "\n".join(self.failures)


class Ledger:
    """All promises of one run."""

    def __init__(self) -> None:
        self._rows: dict[str, str] = {}

    def promise(self, text: str, few: int, many: int) -> Promise:
        """Begin to test a promise, with few tries or many; with none, the test is skipped."""
        if not tries(few, many):
            pytest.skip("tried by `make promises` only")
        return Promise(text, tries(few, many), self._record)

    def write(self, path: Path = TABLE) -> str:
        """Put this run's rows into the document, keep the rows of promises that were not tried; the whole table."""
        before, _, rest = path.read_text().partition(BEGIN)
        old, _, after = rest.partition(END)
        rows = {line.split(" | ")[0].removeprefix("| "): line for line in old.splitlines() if " | " in line}
        del rows["promise"], rows["---"]
        table = HEADER + "".join(f"{row}\n" for _, row in sorted((rows | self._rows).items()))
        path.write_text(f"{before}{BEGIN}\n{table}{END}{after}")
        return table

    def _record(self, promise: Promise) -> None:
        measured = "; ".join(promise.measured)
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        row = f"| {promise.text} | {promise.done} | {len(promise.failures)} | {measured} | {today} |"
        self._rows[promise.text] = row
        if IS_LONG:
            self.write()  # at once: a run that is cut short has shown something all the same


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
