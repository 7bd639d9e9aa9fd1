"""Reads labels from a table beside the pictures: a CSV file with file names and labels, in columns of any order.

The column of names is the one whose values are names of pictures in the archive, so that its title does not matter.
"""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import read_file

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
MAX_TABLE_BYTES = 32 * 1024 * 1024
MAX_COLUMNS = 1000
MIN_SHARE_OF_NAMES = 0.5
"""Of a column's values that must be names of pictures; a table may name pictures that are not in the archive."""
LABEL_TITLES = (
    "label", "labels", "class", "class_name", "classname", "category", "category_name", "target", "tag", "species",
    "breed", "diagnosis", "dx", "type", "y",
)  # fmt: skip
"""Titles of a column of labels, the surest first."""


@dataclass(frozen=True)
class LabelTable:
    """Labels by picture.

    Attributes:
        entry: the table's file.
        labels: of each picture that the table names once, or always with the same label.
    """

    entry: Entry
    labels: Mapping[Parts, str]


def find_label_table(
    archive: BinaryIO, files: Iterable[tuple[Parts, Entry]], pictures: Sequence[Parts], encoding: str | None
) -> LabelTable | None:
    """The table that labels most pictures with at least two labels; None when there is none.

    Args:
        archive: open for reading.
        files: all files of the archive that are in use, with their paths.
        pictures: paths of those that may be pictures.
        encoding: of a table that is not UTF-8.

    Raises:
        ArchiveRejected: a table's bytes are damaged.
    """
    names = _names(pictures)
    found = []
    for parts, entry in files:
        suffix = PurePosixPath(parts[-1]).suffix.casefold()
        if suffix in TABLE_SUFFIXES and entry.size_bytes <= MAX_TABLE_BYTES:
            rows = _rows(read_file(archive.fileno(), entry), encoding)
            labels = _labels(rows, names)
            if len(set(labels.values())) >= MIN_CLASSES:
                found.append(LabelTable(entry, labels))
    return max(found, key=lambda table: len(table.labels), default=None)


def _names(pictures: Iterable[Parts]) -> Mapping[str, Parts]:
    """How a table may name each picture: by path or part of it, with or without suffix; ambiguous names left out."""
    names: dict[str, Parts | None] = {}
    for parts in pictures:
        for start in range(len(parts)):
            path = "/".join(parts[start:])
            for name in {path, path.removesuffix(PurePosixPath(path).suffix)}:
                names[name] = None if name in names else parts
    return {name: parts for name, parts in names.items() if parts is not None}


def _rows(data: bytes, encoding: str | None) -> list[list[str]]:
    """The table's rows; none when it is no table."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode(encoding or "cp1252", errors="replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error:
        return []
    width = len(rows[0]) if rows else 0
    return [row for row in rows if len(row) == width] if 2 <= width <= MAX_COLUMNS else []


def _labels(rows: Sequence[Sequence[str]], names: Mapping[str, Parts]) -> dict[Parts, str]:
    """Label of each picture; pictures with two different labels are left out."""
    column = _name_column(rows, names)
    label_column = None if column is None else _label_column(rows, column, names)
    if column is None or label_column is None:
        return {}
    labels: dict[Parts, str] = {}
    contradicted = set()
    for row in rows:
        picture = names.get(_normalised_name(row[column]))
        label = unicodedata.normalize("NFC", row[label_column].strip())
        if picture is not None and label and labels.setdefault(picture, label) != label:
            contradicted.add(picture)
    return {picture: label for picture, label in labels.items() if picture not in contradicted}


def _name_column(rows: Sequence[Sequence[str]], names: Mapping[str, Parts]) -> int | None:
    hits: Counter[int] = Counter()
    for row in rows:
        hits.update(column for column, value in enumerate(row) if _normalised_name(value) in names)
    if not hits:
        return None
    column, n_hits = hits.most_common(1)[0]
    return column if n_hits >= MIN_SHARE_OF_NAMES * (len(rows) - 1) or n_hits >= len(set(names.values())) / 2 else None


def _label_column(rows: Sequence[Sequence[str]], name_column: int, names: Mapping[str, Parts]) -> int | None:
    """The column with the surest title; without a known title, the only other column."""
    titles = [title.strip().casefold().replace(" ", "_") for title in rows[0]]
    if _normalised_name(rows[0][name_column]) not in names:
        for wanted in LABEL_TITLES:
            if wanted in titles and titles.index(wanted) != name_column:
                return titles.index(wanted)
    others = [column for column in range(len(titles)) if column != name_column]
    return others[0] if len(others) == 1 else None


def _normalised_name(value: str) -> str:
    return unicodedata.normalize("NFC", value.strip()).replace("\\", "/").removeprefix("./").lstrip("/")
