"""A dataset grows: new pictures are put behind those of the version before, which keep their places and their splits.

Pictures that the dataset has already, with the same label, are left out, so that a whole folder can be sent again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.datasets.upload.array_files import ArrayFile
from worker.datasets.upload.decoding import DIGEST_BYTES, Decoded
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.findings import Findings
from worker.datasets.upload.messages import Base
from worker.datasets.upload.report import Split
from worker.datasets.uploaded import FILES, VALIDATION_FILES

SPLIT_FILES: dict[Split, tuple[str, str]] = {
    "train": (FILES[0], FILES[1]),
    "test": (FILES[2], FILES[3]),
    "validation": (VALIDATION_FILES[0], VALIDATION_FILES[1]),
}
"""Files of pictures and labels of each split."""
CHUNK = 256
"""Pictures that are in memory together."""


@dataclass(frozen=True)
class Before:
    """The version before: its pictures, and what is known about them, in the order of training, test and validation.

    Attributes:
        classes: labels in the order of their index.
        images: file of each split.
        labels: of each split: int64, shape (n,).
        digests: of each picture.
        all_labels: of each picture.
        split_of: of each picture.
        names: of each picture, for the report.
    """

    classes: tuple[str, ...]
    images: dict[Split, ArrayFile]
    labels: dict[Split, NDArray[np.int64]]
    digests: list[bytes] = field(default_factory=list)
    all_labels: list[int] = field(default_factory=list)
    split_of: list[Split] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def counts(self, split: Split, n_classes: int) -> NDArray[np.int64]:
        """Pictures of each class in a split."""
        return np.bincount(self.labels.get(split, np.empty(0, np.int64)), minlength=n_classes)


def open_before(base: Base | None, opened: ExitStack) -> Before | None:
    """The version before, if there is one.

    Args:
        base: says where its files are.
        opened: closes them.
    """
    if base is None:
        return None
    folder = Path(base.folder)
    found = {split: files for split, files in SPLIT_FILES.items() if (folder / files[0]).exists()}
    images = {split: opened.enter_context(ArrayFile(folder / file)) for split, (file, _) in found.items()}
    labels = {split: np.load(folder / file, allow_pickle=False) for split, (_, file) in found.items()}
    before = Before(base.classes, images, labels)
    for split, file in images.items():
        before.digests.extend(_digests(file))
        before.all_labels.extend(labels[split].tolist())
        before.split_of.extend([split] * len(file))
        before.names.extend(f"{split} picture {number} of version {base.version}" for number in range(len(file)))
    return before


def classes_after(before: Before, found: Sequence[str]) -> tuple[tuple[str, ...], list[int]]:
    """All classes, the old ones first, and the index of each class that was found.

    A class that differs from an old one in the case of letters only is that one.
    """
    classes = list(before.classes)
    by_lower = {label.lower(): number for number, label in enumerate(classes)}
    indices = []
    for label in found:
        number = classes.index(label) if label in classes else by_lower.get(label.lower())
        if number is None:
            number = len(classes)
            classes.append(label)
        indices.append(number)
    return tuple(classes), indices


def new_rows(before: Before, decoded: Decoded, labels: NDArray[np.int64], findings: Findings) -> list[bool]:
    """Whether each picture is new; the others are noted as skipped.

    Raises:
        ArchiveRejected: none is.
    """
    known = set(zip(before.digests, before.all_labels, strict=True))
    is_new = []
    for digest, label, name in zip(decoded.digests, labels.tolist(), decoded.names, strict=True):
        is_new.append((digest, label) not in known)
        if not is_new[-1]:
            findings.skipped.add(name, "already_there")
    if not any(is_new):
        raise ArchiveRejected(
            f"All {len(is_new):,} pictures are in the dataset already; expected at least one that is new.",
            "nothing_new",
        )
    return is_new


def _digests(file: ArrayFile) -> Iterator[bytes]:
    for start in range(0, len(file), CHUNK):
        for picture in file.between(start, start + CHUNK):
            yield hashlib.blake2b(picture.data, digest_size=DIGEST_BYTES).digest()
