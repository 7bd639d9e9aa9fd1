"""Reads labels from tables beside the pictures: file names and labels, in columns of any order.

The column of names is the one whose values are names of pictures in the archive, so that its title does not matter.
Several tables that label different pictures, such as `train.csv` and `test.csv`, count together.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import BinaryIO

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.errors import shown
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.report import Split
from worker.datasets.upload.split_names import split_named
from worker.datasets.upload.tables.picture_names import PictureNames, merged
from worker.datasets.upload.tables.table_columns import LABEL_TITLES, Columns, columns_of, title_of
from worker.datasets.upload.tables.table_rows import TABLE_SUFFIXES, NotATable, Table, read_table
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import read_file

MAX_TABLE_BYTES = 16 * 1024 * 1024
MAX_BYTES_IN_ALL = 32 * 1024 * 1024
"""Of all tables of an archive; further ones are not read."""
MAX_TABLES = 100
EXAMPLE_OF_ANSWERS = "submission"
"""In the names of tables with made-up labels that competitions put beside the pictures."""


@dataclass(frozen=True)
class LabelTable:
    """Labels by picture, from one table or several.

    Attributes:
        names: of the tables in the archive.
        labels: of each picture that the tables name once, or always with the same label.
        column: title of the labels' column; None when the tables have no titles.
        is_guessed: one is not UTF-8, and was read as code page 1252.
        splits: of each picture; empty unless all of them have one, and there are several.
        n_unfound: rows that name no picture of the archive, or one of several.
    """

    names: tuple[str, ...]
    labels: Mapping[Parts, str]
    column: str | None
    is_guessed: bool
    splits: Mapping[Parts, Split]
    n_unfound: int

    @property
    def has_known_title(self) -> bool:
        """Whether the title says that the column has labels."""
        return self.column is not None and title_of(self.column) in LABEL_TITLES

    @property
    def shown(self) -> str:
        """The names, for messages."""
        return " and ".join(map(shown, self.names[:3])) + (f" and {len(self.names) - 3} more" * (len(self.names) > 3))


@dataclass(frozen=True)
class _Found:
    """One table."""

    name: str
    column: str | None
    is_guessed: bool
    labels: Mapping[Parts, str]
    splits: Mapping[Parts, Split | None]
    n_unfound: int


def find_label_table(
    archive: BinaryIO,
    files: Iterable[tuple[Parts, Entry]],
    pictures: Sequence[Parts],
    encoding: str | None,
    fewest: int = MIN_CLASSES,
) -> LabelTable | None:
    """The tables that label most pictures with enough labels; None when there are none.

    Args:
        archive: open for reading.
        files: all files of the archive that are in use, with their paths.
        pictures: paths of those that may be pictures.
        encoding: of a table that is not UTF-8.
        fewest: labels that there must be.

    Raises:
        ArchiveRejected: a table's bytes are damaged.
    """
    names = PictureNames(pictures)
    left_bytes, left = MAX_BYTES_IN_ALL, MAX_TABLES
    groups: dict[str | None, list[_Found]] = defaultdict(list)
    for parts, entry in files:
        if PurePosixPath(parts[-1]).suffix.casefold() not in TABLE_SUFFIXES or not left:
            continue
        if entry.size_bytes > min(MAX_TABLE_BYTES, left_bytes):
            continue
        left_bytes, left = left_bytes - entry.size_bytes, left - 1
        table = read_table(entry.name, read_file(archive.fileno(), entry), encoding)
        found = _labels_in(table, parts, entry.name, names)
        if found is not None:
            groups[found.column and title_of(found.column)].append(found)
    together = [_together(group) for group in groups.values()]
    usable = [table for table in together if len(set(table.labels.values())) >= fewest]
    return max(usable, key=lambda table: len(table.labels), default=None)


def _together(tables: Sequence[_Found]) -> LabelTable:
    used = [table for table in tables if EXAMPLE_OF_ANSWERS not in table.name.casefold()] or tables
    labels = merged(table.labels for table in used)
    splits: dict[Parts, Split | None] = {}
    for table in used:
        splits |= table.splits
    kept = {picture: split for picture in labels if (split := splits[picture]) is not None}
    has_splits = len(kept) == len(labels) and "train" in kept.values() and len(set(kept.values())) > 1
    return LabelTable(
        tuple(table.name for table in used),
        labels,
        used[0].column,
        any(table.is_guessed for table in used),
        kept if has_splits else {},
        sum(table.n_unfound for table in used),
    )


def _labels_in(table: Table, parts: Parts, name: str, names: PictureNames) -> _Found | None:
    """What one table says about pictures."""
    stem = PurePosixPath(parts[-1]).stem
    folders = ["/".join([*parts[:-1], *more]) for more in ((), (stem,))]
    try:
        columns = columns_of(table.rows(), lambda value: names.find(value, folders))
        if columns is None:
            return None
        labels, splits, n_unfound = _labels(table, columns, names, folders)
    except NotATable:
        return None
    said = {picture: split or _split_around(picture) or split_named(stem) for picture, split in splits.items()}
    return _Found(name, columns.title, table.is_guessed, labels, said, n_unfound) if labels else None


def _labels(
    table: Table, columns: Columns, names: PictureNames, folders: Sequence[str]
) -> tuple[dict[Parts, str], dict[Parts, Split | None], int]:
    """Label of each picture, without those that have two; the split in a column; labels without a picture."""
    labels: dict[Parts, str] = {}
    splits: dict[Parts, Split | None] = {}
    contradicted = set()
    n_unfound = 0
    for row in islice(table.rows(), 0 if columns.titles is None else 1, None):
        picture = names.find(row[columns.names], folders)
        label = unicodedata.normalize("NFC", columns.label_in(row))
        if picture is None or not label:
            n_unfound += picture is None and bool(label)
            continue
        splits[picture] = columns.split_in(row)
        if labels.setdefault(picture, label) != label:
            contradicted.add(picture)
    return {picture: label for picture, label in labels.items() if picture not in contradicted}, splits, n_unfound


def _split_around(parts: Parts) -> Split | None:
    """The split that one of the folders around a picture names."""
    return next((split for part in parts[:-1] if (split := split_named(part)) is not None), None)
