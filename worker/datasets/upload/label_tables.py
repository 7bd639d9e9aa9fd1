"""Reads labels from a table beside the pictures: a CSV file with file names and labels, in columns of any order.

The column of names is the one whose values are names of pictures in the archive, so that its title does not matter.
"""

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import BinaryIO

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import read_file

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})
MAX_TABLE_BYTES = 16 * 1024 * 1024
MAX_BYTES_IN_ALL = 32 * 1024 * 1024
"""Of all tables of an archive; further ones are not read."""
MAX_COLUMNS = 1000
SAMPLED_ROWS = 20_000
"""Rows that decide which column has the names."""
LABEL_TITLES = (
    "label", "labels", "class", "class_name", "classname", "category", "category_name", "target", "tag", "species",
    "breed", "diagnosis", "dx", "type", "y",
)  # fmt: skip
"""Titles of a column of labels, the surest first."""
OTHER_TITLES = frozenset({
    "width", "height", "size", "size_bytes", "bytes", "url", "date", "time", "timestamp", "age", "sex", "split", "set",
    "subset", "fold", "source", "licence", "license", "author", "camera", "md5", "sha1", "sha256", "hash", "x", "xmin",
    "xmax", "ymin", "ymax", "confidence", "score",
})  # fmt: skip
"""Titles of columns that are no labels, even when they are the only other column."""

Row = Sequence[str]


@dataclass(frozen=True)
class LabelTable:
    """Labels by picture.

    Attributes:
        entry: the table's file.
        labels: of each picture that the table names once, or always with the same label.
        column: title of the labels' column; None when the table has no titles.
        is_guessed: it is not UTF-8, and was read as code page 1252.
    """

    entry: Entry
    labels: Mapping[Parts, str]
    column: str | None
    is_guessed: bool

    @property
    def has_known_title(self) -> bool:
        """Whether the title says that the column has labels."""
        return self.column is not None and _title(self.column) in LABEL_TITLES


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
    left_bytes = MAX_BYTES_IN_ALL
    found = []
    for parts, entry in files:
        suffix = PurePosixPath(parts[-1]).suffix.casefold()
        if suffix not in TABLE_SUFFIXES or entry.size_bytes > min(MAX_TABLE_BYTES, left_bytes):
            continue
        left_bytes -= entry.size_bytes
        table = _read_table(entry, read_file(archive.fileno(), entry), names, encoding)
        if table is not None and len(set(table.labels.values())) >= MIN_CLASSES:
            found.append(table)
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


def _read_table(entry: Entry, data: bytes, names: Mapping[str, Parts], encoding: str | None) -> LabelTable | None:
    is_guessed = False
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, is_guessed = data.decode(encoding or "cp1252", errors="replace"), encoding is None
    try:
        first = next(_rows(text), ())
        name_column = _name_column(_rows(text), names)
        if name_column is None or not 2 <= len(first) <= MAX_COLUMNS:
            return None
        has_titles = _normalised_name(first[name_column]) not in names
        label_column = _label_column(first, name_column, has_titles=has_titles)
        if label_column is None:
            return None
        labels = _labels(_rows(text), name_column, label_column, names)
    except csv.Error:
        return None
    return LabelTable(entry, labels, first[label_column] if has_titles else None, is_guessed)


def _rows(text: str) -> Iterator[Row]:
    """The rows that are as long as the first one. Raises `csv.Error`."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    width = 0
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        width = width or len(row)
        if row and len(row) == width:
            yield row


def _name_column(rows: Iterable[Row], names: Mapping[str, Parts]) -> int | None:
    """The column with most names of pictures."""
    hits: Counter[int] = Counter()
    for row in islice(rows, SAMPLED_ROWS):
        hits.update(column for column, value in enumerate(row[:MAX_COLUMNS]) if _normalised_name(value) in names)
    return hits.most_common(1)[0][0] if hits else None


def _label_column(first: Row, name_column: int, *, has_titles: bool) -> int | None:
    """The column with the surest title; without a known title, the only other column."""
    titles = [_title(value) for value in first]
    if has_titles:
        for wanted in LABEL_TITLES:
            if wanted in titles and titles.index(wanted) != name_column:
                return titles.index(wanted)
    others = [column for column in range(len(titles)) if column != name_column]
    if len(others) != 1 or (has_titles and titles[others[0]] in OTHER_TITLES):
        return None
    return others[0]


def _labels(rows: Iterable[Row], name_column: int, label_column: int, names: Mapping[str, Parts]) -> dict[Parts, str]:
    """Label of each picture; pictures with two different labels are left out."""
    labels: dict[Parts, str] = {}
    contradicted = set()
    for row in rows:
        picture = names.get(_normalised_name(row[name_column]))
        label = unicodedata.normalize("NFC", row[label_column].strip())
        if picture is not None and label and labels.setdefault(picture, label) != label:
            contradicted.add(picture)
    return {picture: label for picture, label in labels.items() if picture not in contradicted}


def _title(value: str) -> str:
    return value.strip().casefold().replace(" ", "_")


def _normalised_name(value: str) -> str:
    return unicodedata.normalize("NFC", value.strip()).replace("\\", "/").removeprefix("./").lstrip("/")
