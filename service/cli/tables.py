"""Tables that are for people on a terminal and for programs in a pipe: there, nothing is cut and nothing is drawn."""

import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

UNCUT = 1000
"""Characters of a line in a pipe; a terminal says itself how many it has."""


def table_console() -> Console:
    """Where a table is printed."""
    return Console(width=None if sys.stdout.isatty() else UNCUT)


def new_table(columns: Iterable[str], right: Iterable[str] = (), whole: Iterable[str] = (), title: str = "") -> Table:
    """An empty table.

    Args:
        columns: their names.
        right: those with numbers.
        whole: those that are never cut or wrapped, such as ids, which are copied.
        title: above it.
    """
    is_terminal = sys.stdout.isatty()
    table = Table(box=box.HEAVY_HEAD if is_terminal else None, title=title or None, title_justify="left")
    for name in columns:
        is_whole = not is_terminal or name in {*whole}
        table.add_column(
            name,
            justify="right" if name in {*right} else "left",
            no_wrap=is_whole,
            overflow="ignore" if is_whole else "fold",
        )
    return table


def keep_whole(table: Table, column: str, values: Iterable[str]) -> None:
    """Give a column the room of its longest value, whatever the others need."""
    for found in table.columns:
        if found.header == column:
            found.min_width = max(map(len, values), default=0)
