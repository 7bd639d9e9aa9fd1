"""Tells what the columns of a table are: names of pictures, labels, splits."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.report import Split
from worker.datasets.upload.split_names import split_named
from worker.datasets.upload.tables.table_rows import Row

MAX_COLUMNS = 1000
SAMPLED_ROWS = 20_000
"""Rows that decide what the columns are."""
LABEL_TITLES = (
    "label", "labels", "class", "class_name", "classname", "category", "category_name", "target", "tag", "species",
    "breed", "diagnosis", "dx", "type", "y",
)  # fmt: skip
"""Titles of a column of labels, the surest first."""
LABEL_WORDS = frozenset({"label", "labels", "class", "classes", "category", "species", "breed", "diagnosis"})
"""Words in longer titles of such a column, as in `Finding Labels`."""
OTHER_TITLES = frozenset({
    "width", "height", "size", "size_bytes", "bytes", "url", "date", "time", "timestamp", "age", "sex", "split", "set",
    "subset", "fold", "source", "licence", "license", "author", "camera", "md5", "sha1", "sha256", "hash", "x", "xmin",
    "xmax", "ymin", "ymax", "confidence", "score",
})  # fmt: skip
"""Titles of columns that are no labels, even when they are the only other column."""
SPLIT_TITLES = frozenset({"split", "set", "subset", "partition", "usage", "phase"})
_FLAGS = {"": False, "0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}

FindPicture = Callable[[str], Parts | None]


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are.

    Attributes:
        titles: of all columns, as written; none when the first row is about a picture.
        names: column of names of pictures.
        label: column of labels; None when each class has a column of its own.
        flags: columns of such classes, with 1 in the one that a picture belongs to.
        split: column of splits, if there is one.
    """

    titles: Row | None
    names: int
    label: int | None
    flags: tuple[int, ...] = ()
    split: int | None = None

    @property
    def title(self) -> str | None:
        """Title of the labels' column; None when there is none."""
        return None if self.titles is None or self.label is None else self.titles[self.label].strip()

    def label_in(self, row: Row) -> str:
        """The label in a row; empty when there is none, or several."""
        if self.label is not None:
            return row[self.label].strip()
        set_flags = [column for column in self.flags if _FLAGS.get(row[column].strip().lower())]
        return self.titles[set_flags[0]].strip() if self.titles and len(set_flags) == 1 else ""

    def split_in(self, row: Row) -> Split | None:
        """The split in a row, if the table has splits."""
        return None if self.split is None else split_named(row[self.split])


def columns_of(rows: Iterable[Row], find: FindPicture) -> Columns | None:
    """The columns of a table; None when it does not name pictures, or does not label them.

    Args:
        rows: of the table, from the first one.
        find: the picture that a cell names.
    """
    sample = list(islice(rows, SAMPLED_ROWS))
    if not sample or not 2 <= len(sample[0]) <= MAX_COLUMNS:
        return None
    first = sample[0]
    names = _name_column(sample, find)
    if names is None:
        return None
    has_titles = find(first[names]) is None
    body = sample[1:] if has_titles else sample
    titles = [title_of(value) for value in first] if has_titles else None
    label = _label_column(titles, names, len(first))
    flags = () if label is not None or titles is None else _flag_columns(body, names, len(first))
    if label is None and not flags:
        return None
    return Columns(first if has_titles else None, names, label, flags, _split_column(titles, body))


def title_of(value: str) -> str:
    """A title as it is compared."""
    return value.strip().casefold().replace(" ", "_")


def _name_column(rows: Sequence[Row], find: FindPicture) -> int | None:
    """The column that names most pictures; labels may be numbers, and then be names of pictures, too."""
    hits: dict[int, set[Parts]] = {}
    for row in rows:
        for column, value in enumerate(row):
            picture = find(value)
            if picture is not None:
                hits.setdefault(column, set()).add(picture)
    return max(
        hits, key=lambda column: (len(hits[column]), title_of(rows[0][column]) not in LABEL_TITLES), default=None
    )


def _label_column(titles: Sequence[str] | None, names: int, n_columns: int) -> int | None:
    """The column with the surest title; without a known title, the only other column."""
    others = [column for column in range(n_columns) if column != names]
    for wanted in LABEL_TITLES if titles else ():
        if titles and wanted in titles and titles.index(wanted) != names:
            return titles.index(wanted)
    if titles:
        worded = [column for column in others if LABEL_WORDS & set(re.split(r"[\W_]+", titles[column]))]
        if len(worded) == 1:
            return worded[0]
    if len(others) != 1 or (titles and titles[others[0]] in OTHER_TITLES):
        return None
    return others[0]


def _flag_columns(rows: Sequence[Row], names: int, n_columns: int) -> tuple[int, ...]:
    """Columns of zeros and ones, if nearly every row has exactly one 1 in them: a column for each class."""
    others = (column for column in range(n_columns) if column != names)
    flags = tuple(column for column in others if rows and all(row[column].strip().lower() in _FLAGS for row in rows))
    single = sum(sum(_FLAGS[row[column].strip().lower()] for column in flags) == 1 for row in rows)
    return flags if len(flags) >= 2 and 2 * single > len(rows) else ()


def _split_column(titles: Sequence[str] | None, rows: Sequence[Row]) -> int | None:
    for column, title in enumerate(titles or ()):
        if title in SPLIT_TITLES and rows and all(split_named(row[column]) for row in rows):
            return column
    return None
