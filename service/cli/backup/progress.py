"""Shows on a terminal how much of a backup is done; elsewhere nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


@contextmanager
def shown(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while the block lasts; the function adds bytes to it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(what, total=total_bytes)
        yield lambda n_bytes: bar.advance(task, n_bytes)
