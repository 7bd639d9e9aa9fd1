"""Writes the decoded records as the arrays of a dataset, and computes its fingerprint on the way.

A few megabytes of pictures are in memory at a time. The fingerprint equals `worker.datasets.dataset.fingerprint`.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from worker.datasets.dataset import split_heading
from worker.datasets.statistics import ChannelStatistics
from worker.datasets.upload.decoding import Decoded
from worker.datasets.upload.growing import Before
from worker.datasets.upload.report import Split
from worker.datasets.uploaded import FILES, VALIDATION_FILES

PREVIEW_FILE = "preview.png"
ALL_FILES = (*FILES, *VALIDATION_FILES)
SPLIT_ORDER: tuple[Split, ...] = ("train", "test", "validation")
"""The order of the splits in the files and in the fingerprint."""
CHUNK_BYTES = 8 * 1024 * 1024
"""Size of the records that are in memory together."""


@dataclass(frozen=True)
class Packed:
    """What was written.

    Attributes:
        image_shape: height, width, channels.
        train_rows: records of the training split, in its order.
        test_rows: of the test split.
        validation_rows: of the validation split; none when the archive has no such split.
        mean: of each channel of the training pictures, scaled to [0, 1].
        deviation: standard deviation, likewise.
        fingerprint: SHA-256 over shapes, pixels and labels.
    """

    image_shape: tuple[int, int, int]
    train_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    validation_rows: NDArray[np.int64]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    fingerprint: str


def pack(
    decoded: Decoded,
    labels: NDArray[np.int64],
    split_of: Sequence[Split | None],
    n_channels: int,
    seed: int,
    folder: Path,
    on_picture: Callable[[int], None],
    before: Before | None = None,
) -> Packed:
    """Write the splits into a folder, each in a random order that depends on the seed.

    Args:
        decoded: records and what is known about them.
        labels: int64, shape (n,), final class of each record.
        split_of: for each record; None for records that are left out.
        n_channels: 1 keeps the first of three equal channels.
        seed: of the order.
        folder: where the files are written.
        on_picture: called with the number of pictures written so far.
        before: a version whose pictures come first, in the order that they have there.
    """
    height, width, _ = decoded.shape
    shape = (height, width, n_channels)
    assigned = np.asarray(split_of, dtype=object)
    random = np.random.default_rng(seed)
    train, test, validation = (random.permutation(np.flatnonzero(assigned == split)) for split in SPLIT_ORDER)
    has_validation = len(validation) or (before is not None and "validation" in before.images)
    splits = (train, test, validation) if has_validation else (train, test)
    digest = hashlib.sha256()
    statistics = ChannelStatistics(n_channels)
    done = 0
    with decoded.path.open("rb", buffering=0) as records:
        for split, rows, images_file, labels_file in zip(
            SPLIT_ORDER, splits, ALL_FILES[::2], ALL_FILES[1::2], strict=False
        ):
            chosen = _labels_of(split, labels[rows], before)
            digest.update(split_heading((len(chosen), *shape)))
            with (folder / images_file).open("wb") as file:
                _write_header(file, "|u1", (len(chosen), *shape))
                for chunk in _chunks(split, rows, decoded, records, before):
                    images = np.ascontiguousarray(chunk[..., :n_channels])
                    digest.update(images.data)
                    file.write(images.data)
                    if split == "train":
                        statistics.add(images)
                    done += len(images)
                    on_picture(done)
            digest.update(chosen.data)
            np.save(folder / labels_file, chosen)
    return Packed(shape, train, test, validation, statistics.mean, statistics.deviation, digest.hexdigest())


def _labels_of(split: Split, new: NDArray[np.int64], before: Before | None) -> NDArray[np.int64]:
    old = before.labels.get(split) if before else None
    return np.ascontiguousarray(new if old is None else np.concatenate([old, new]), dtype="<i8")


def _chunks(
    split: Split, rows: NDArray[np.int64], decoded: Decoded, records: BinaryIO, before: Before | None
) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a split, some at a time: those of the version before, then the new ones."""
    n = max(1, CHUNK_BYTES // math.prod(decoded.shape))
    old = before.images.get(split) if before else None
    for start in range(0, 0 if old is None else len(old), n):
        if old is not None:
            yield old.between(start, start + n)
    for start in range(0, len(rows), n):
        yield read_records(records, decoded.shape, rows[start : start + n])


def read_records(
    records: BinaryIO, shape: tuple[int, int, int], rows: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Some records: uint8, shape (n, height, width, channels)."""
    length = math.prod(shape)
    parts = [os.pread(records.fileno(), length, int(row) * length) for row in rows]
    return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(len(parts), *shape)


def _write_header(file: BinaryIO, descriptor: str, shape: tuple[int, ...]) -> None:
    header: dict[str, Any] = {"descr": descriptor, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
