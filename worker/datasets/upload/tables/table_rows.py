"""Reads the rows of a table: separated values, words separated by spaces, or JSON."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"})
JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
SAMPLED_BYTES = 4096
DELIMITERS = ",;\t|"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16 does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

_REMARKS = re.compile(r"\A(?:# [^\r\n]*[\r\n]+|\s*[\r\n])*")
"""Lines before the table that begin with `# `, and empty ones."""
_DELIMITER_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*")
"""What Excel writes first, to say which character separates values."""

Row = Sequence[str]


class NotATable(Exception):
    """A file that is called like a table has no rows that can be read."""


@dataclass(frozen=True)
class Table:
    """A table as text. Its rows can be read several times.

    Attributes:
        text: of the file.
        is_json: the file is JSON, or has a JSON object in each line.
        is_guessed: its encoding is not known.
    """

    text: str
    is_json: bool
    is_guessed: bool

    def rows(self) -> Iterator[Row]:
        """The rows that are as long as the first one, cells that are missing at the end being empty.

        Raises:
            NotATable: they cannot be read.
        """
        try:
            rows = _json_rows(self.text) if self.is_json else _separated(self.text)
            width = 0
            for row in rows:
                cells = row
                while cells and not cells[-1].strip() and len(cells) > width > 0:
                    cells = cells[:-1]
                width = width or len(cells)
                if cells and len(cells) <= width:
                    yield [*cells, *[""] * (width - len(cells))]
        except (csv.Error, ValueError, RecursionError) as error:
            raise NotATable from error


def read_table(name: str, data: bytes, encoding: str | None) -> Table:
    """A file as a table.

    Args:
        name: of the file.
        data: of the file.
        encoding: of text that is not UTF-8, if it is known.
    """
    is_json = PurePosixPath(name).suffix.casefold() in JSON_SUFFIXES
    marked = next((found for mark, found in _MARKS.items() if data.startswith(mark)), _without_mark(data))
    try:
        return Table(data.decode(marked), is_json, is_guessed=False)
    except UnicodeDecodeError:
        return Table(data.decode(encoding or "cp1252", errors="replace"), is_json, is_guessed=encoding is None)


def _without_mark(data: bytes) -> str:
    """The encoding of text without a mark: every second byte of UTF-16 is zero where text is mostly ASCII."""
    start = data[:SAMPLED_BYTES]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if 2 * zeros.count(0) > len(zeros):
            return encoding
    return "utf-8"


def _separated(text: str) -> Iterator[Row]:
    text = _REMARKS.sub("", text, count=1)
    first = text.partition("\n")[0]
    named = _DELIMITER_LINE.fullmatch(first)
    if named:
        text = text[len(first) + 1 :]
    delimiter = named[1] if named else max(DELIMITERS, key=first.count)
    if delimiter not in first:
        yield from (line.rsplit(None, 1) for line in text.splitlines())
        return
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _json_rows(text: str) -> Iterator[Row]:
    """Rows of a list of objects, of an object in each line, or of one object with a label for each name."""
    start = text.lstrip()[:1]
    if start == "[":
        yield from _records(json.loads(text))
        return
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _records(json.loads(line) for line in text.splitlines() if line.strip())
        return
    if isinstance(whole, dict):
        yield from ((str(name), _cell(value)) for name, value in whole.items())


def _records(records: Iterator[object] | Sequence[object]) -> Iterator[Row]:
    titles: list[str] = []
    for record in records:
        if not isinstance(record, dict):
            return
        if not titles:
            titles = list(record)
            yield titles
        yield [_cell(record.get(title)) for title in titles]


def _cell(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)
