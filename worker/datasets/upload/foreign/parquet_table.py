"""Reads pictures from a Parquet file as the Hugging Face library writes them: a picture's bytes and its label.

The reader is arro3, 12 MB with its core, which is an extra: `pip install 'convserve[parquet]'`. It reads some rows at a
time. The kernel bounds the memory of the process, whatever the file claims.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.labelled_pictures import LabelledPictures
from worker.datasets.upload.report import Split
from worker.datasets.upload.split_names import split_mentioned
from worker.datasets.upload.tables.table_columns import LABEL_TITLES, SPLIT_TITLES, title_of

MAGIC = b"PAR1"
ROWS_AT_ONCE = 32
METADATA_KEY = b"huggingface"
FINE = "fine_label"
"""CIFAR-100's own label, beside a coarse one."""


def is_parquet(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a Parquet file."""
    return start.startswith(MAGIC)


def write_parquet_table(table: Path, source: str, split: Split | None, target: LabelledPictures) -> None:
    """Write the picture of each row.

    Args:
        table: a Parquet file.
        source: to name pictures by, such as `train`.
        split: of all rows, unless a column says it.
        target: receives the pictures.

    Raises:
        ArchiveRejected: it is damaged, has no pictures or no labels, or cannot be read here.
        OSError: the disk has too little free space.
    """
    reader = _reader(table)
    titles = [field.name for field in reader.schema]
    picture, label = _picture_column(reader.schema), _label_column(titles)
    split_column = next((title for title in titles if title_of(title) in SPLIT_TITLES), None)
    names = _class_names(reader.schema, label)
    number = 0
    for batch in _batches(reader):
        pictures, labels = _values(batch, picture), _values(batch, label)
        splits = _values(batch, split_column) if split_column else [None] * len(labels)
        for one, said, of_split in zip(pictures, labels, splits, strict=True):
            number += 1
            content = one.get("bytes") if isinstance(one, dict) else one
            if said is None or (isinstance(said, int) and said < 0):
                continue  # the pictures of a test split whose labels are kept secret have the label -1
            if not isinstance(content, bytes | memoryview):
                raise ArchiveRejected(f"Row {number} of the Parquet file has no picture.")
            own = split_mentioned(of_split) if isinstance(of_split, str) else None
            target.add(f"{source}-{number}.img", bytes(content), _named(said, names), own or split)


def _reader(table: Path) -> Any:  # noqa: ANN401 - arro3 is not installed everywhere
    try:
        from arro3.io import read_parquet  # noqa: PLC0415 - an extra
    except ImportError:
        raise ArchiveRejected(
            "This server cannot read Parquet files; expected a zip, a tar or a CSV file.",
            hint="Install the extra `convserve[parquet]` on the server, or upload the pictures in class folders.",
        ) from None
    with _told_as_refusal():
        return read_parquet(table, batch_size=ROWS_AT_ONCE)


def _batches(reader: Any) -> Iterator[Any]:  # noqa: ANN401
    while True:
        with _told_as_refusal():
            batch = next(reader, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _told_as_refusal() -> Iterator[None]:
    """Turn what arro3 raises for a damaged file into a refusal; its own errors and Rust's panics share no base class.

    A panic is no `Exception`, so it is known by its name.
    """
    try:
        yield
    except (MemoryError, ArchiveRejected):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ArchiveRejected(f"The Parquet file cannot be read: {str(error)[:200]}.") from error


def _values(batch: Any, title: str) -> list[Any]:  # noqa: ANN401
    with _told_as_refusal():
        return [value.as_py() for value in batch.column(title)]


def _picture_column(schema: Any) -> str:  # noqa: ANN401
    """The column of pictures: a structure with `bytes` in it, as the library writes them, or plain bytes."""
    for field in schema:
        if "bytes: Binary" in str(field.type) or '"bytes"' in str(field.type):
            return str(field.name)
    for field in schema:
        if "Binary" in str(field.type):
            return str(field.name)
    raise ArchiveRejected(
        "The Parquet file has no pictures; expected a column `image` with `bytes`, "
        f"got {', '.join(str(field.name) for field in schema)[:200]}."
    )


def _label_column(titles: Sequence[str]) -> str:
    by_title = {title_of(title): title for title in titles}
    for wanted in (*LABEL_TITLES, FINE):
        if wanted in by_title:
            return by_title[wanted]
    raise ArchiveRejected(f"The Parquet file has no labels; expected a column `label`, got {', '.join(titles)[:200]}.")


def _class_names(schema: Any, label: str) -> Sequence[str]:  # noqa: ANN401
    """Names of the classes, which the library keeps in the file's metadata; none when they are not there."""
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    try:
        feature = json.loads(metadata[METADATA_KEY])["info"]["features"][label]
        names = feature["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else ()


def _named(label: object, names: Sequence[str]) -> str:
    if isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return str(label)
