"""Turns tables that have pictures in them, alone or in an archive, into a zip of pictures with a table of labels."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from worker.datasets.upload.entry_paths import is_hidden, path_parts
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.compression import opened, start_of
from worker.datasets.upload.foreign.labelled_pictures import LabelledPictures
from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.foreign.parquet_table import is_parquet, write_parquet_table
from worker.datasets.upload.foreign.pixel_table import has_labels, is_pixel_table, write_pixel_table
from worker.datasets.upload.picture_files import PICTURE_SUFFIXES
from worker.datasets.upload.report import Split
from worker.datasets.upload.split_names import split_mentioned
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import copy_file, read_start

SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".parquet"})
FEW_PICTURES = 10
"""An archive with as many pictures is one of pictures, whatever tables are beside them."""
_START_BYTES = 64 * 1024
_EXTRACTED = "table"


def is_picture_table(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a table with pictures in it."""
    return is_parquet(start) or is_pixel_table(start)


def write_table(table: Path, target: BoundedZip) -> None:
    """Write the pictures of a single table. Raises `ArchiveRejected`, `OSError`."""
    pictures = LabelledPictures(target)
    _write(table, "row", None, pictures)
    pictures.finish()


def tables_in(archive: BinaryIO, entries: Iterable[Entry]) -> Sequence[Entry]:
    """The tables with pictures in an archive that has hardly any other picture; otherwise none."""
    suffixes = [(entry, PurePosixPath(entry.name).suffix.casefold()) for entry in entries if not entry.is_folder]
    if not any(suffix in SUFFIXES for _, suffix in suffixes):
        return ()
    suffixes = [(entry, suffix) for entry, suffix in suffixes if not is_hidden(path_parts(entry.name))]
    if sum(suffix in PICTURE_SUFFIXES for _, suffix in suffixes) >= FEW_PICTURES:
        return ()
    tables = []
    for entry, suffix in suffixes:
        if suffix in SUFFIXES:
            start = read_start(archive.fileno(), entry, _START_BYTES)
            if is_picture_table(start) and (is_parquet(start) or has_labels(start)):
                tables.append(entry)
    return tables


def write_tables(archive: BinaryIO, tables: Sequence[Entry], folder: Path, target: BoundedZip) -> None:
    """Write the pictures of all tables of an archive; names of tables say their splits.

    Args:
        archive: open for reading.
        tables: to read.
        folder: receives one table at a time.
        target: receives the pictures.

    Raises:
        ArchiveRejected: a table is damaged, or they are beyond the limits.
        OSError: the disk has too little free space.
    """
    pictures = LabelledPictures(target)
    extracted = folder / _EXTRACTED
    for number, entry in enumerate(tables, start=1):
        target.require_space(entry.size_bytes)
        with extracted.open("wb") as file:
            copy_file(archive.fileno(), entry, file)
        _write(extracted, f"{PurePosixPath(entry.name).stem}-{number}", _split_of(entry.name), pictures)
    extracted.unlink()
    pictures.finish()


def _write(table: Path, source: str, split: Split | None, pictures: LabelledPictures) -> None:
    if is_parquet(start_of(table)):
        write_parquet_table(table, source, split, pictures)
        return
    try:
        with opened(table) as file:
            write_pixel_table(file, source, split, pictures)
    except OSError as error:
        if error.errno is not None:
            raise
        raise ArchiveRejected(f"The table is damaged: {error}.") from error


def _split_of(name: str) -> Split | None:
    """The split that a table's name says, or the nearest folder around it."""
    return next((split for part in reversed(name.split("/")) if (split := split_mentioned(part))), None)
