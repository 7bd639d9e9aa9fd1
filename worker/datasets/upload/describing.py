"""Turns decoded pictures into a described dataset: classes, splits, arrays, contact sheet, report."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store import DatasetFacts
from worker.datasets.contact_sheet import COLUMNS, Row, draw_contact_sheet, heading_of
from worker.datasets.upload.array_files import ArrayFile
from worker.datasets.upload.decoding import Decoded
from worker.datasets.upload.drawing_splits import draw_test_split
from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.findings import Findings
from worker.datasets.upload.folders import Content
from worker.datasets.upload.growing import Before, classes_after, new_rows, open_before
from worker.datasets.upload.labels import MAX_CLASSES, MIN_CLASSES
from worker.datasets.upload.messages import ConversionOrder
from worker.datasets.upload.packing import PREVIEW_FILE, SPLIT_ORDER, pack
from worker.datasets.upload.report import SMALL_CLASS, DatasetReport, Duplicates, Split, find_duplicates
from worker.datasets.upload.surveying import OnPicture
from worker.datasets.uploaded import FILES

MOST_NAMED = 5
"""Classes in an error message."""
_KEPT_APART = {"title", "licence", "source", "tags", "note"}
"""Options that are stored as separate facts."""


def pack_and_describe(
    order: ConversionOrder,
    findings: Findings,
    decoded: Decoded,
    on_picture: OnPicture,
) -> DatasetFacts:
    """Write arrays and preview into the order's folder, and return the facts about them.

    Raises:
        ArchiveRejected: fewer than two classes have pictures, or a split would be empty.
        OSError: the disk is full.
    """
    with ExitStack() as opened:
        return _described(order, findings, decoded, on_picture, open_before(order.base, opened))


def _described(
    order: ConversionOrder, findings: Findings, decoded: Decoded, on_picture: OnPicture, before: Before | None
) -> DatasetFacts:
    options = order.options
    labels, classes = _used_classes(findings, decoded, before)
    is_new = [True] * len(decoded) if before is None else new_rows(before, decoded, labels, findings)
    split_of = _splits(order, findings.content, decoded, labels, len(classes), is_new)
    if before is None:
        _refuse_empty_split(split_of)
    n_channels = 1 if decoded.shape[2] == 1 or (options.colour == "auto" and decoded.is_grey) else 3
    folder = Path(order.folder)
    packed = pack(decoded, labels, split_of, n_channels, options.seed, folder, on_picture, before)
    train, test, validation = (
        _counts(split, labels[rows], len(classes), before)
        for split, rows in zip(SPLIT_ORDER, (packed.train_rows, packed.test_rows, packed.validation_rows), strict=True)
    )
    _draw_preview(order, packed.image_shape, classes, train, test)
    duplicates = _duplicates(decoded, labels, split_of, before)
    report = _report(findings, classes, train, test, sum(validation), duplicates)
    height, width, _ = packed.image_shape
    chosen = {"image_size": [height, width], "colour": "greyscale" if n_channels == 1 else "rgb"}
    return DatasetFacts(
        title=options.title,
        classes=classes,
        image_shape=packed.image_shape,
        train_per_class=train,
        test_per_class=test,
        validation_per_class=validation if sum(validation) else None,
        mean=packed.mean,
        deviation=packed.deviation,
        fingerprint=packed.fingerprint,
        licence=options.licence,
        source=options.source,
        tags=options.tags,
        note=options.note or None,
        options=options.model_dump(mode="json", exclude=_KEPT_APART) | chosen,
        report=report.model_dump(mode="json"),
    )


def _used_classes(
    findings: Findings, decoded: Decoded, before: Before | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The labels, renumbered to leave out classes without pictures, and the classes of the dataset."""
    labels = np.asarray(decoded.labels, dtype=np.int64)
    used = np.unique(labels)
    fewest = MIN_CLASSES if before is None else 1
    if len(used) < fewest:
        without = ", ".join(map(shown, findings.classes_without_pictures()[:MOST_NAMED]))
        raise ArchiveRejected(
            f"The archive has usable pictures in {len(used)} class folder{'s' * (len(used) != 1)}; expected at least "
            f"{fewest}. Pictures are JPEG, PNG, WebP or BMP files. No usable picture is in: {without}.",
            "too_few_classes",
            _hint(findings),
        )
    found = tuple(findings.content.classes[index] for index in used)
    if before is None:
        return np.searchsorted(used, labels), found
    classes, indices = classes_after(before, found)
    if len(classes) > MAX_CLASSES:
        raise ArchiveRejected(f"The dataset would have {len(classes)} classes; expected at most {MAX_CLASSES}.")
    return np.asarray(indices, dtype=np.int64)[np.searchsorted(used, labels)], classes


def _hint(findings: Findings) -> str:
    """What to do about an archive without usable pictures; those of phones may be of a kind that is not decoded."""
    hint = "The report names skipped files and says why they are not usable."
    if any("HEIC" in (file.message or "") for file in findings.skipped.listed):
        hint += (
            " Save AVIF and HEIC pictures as JPEG (an iPhone does it by Settings, Camera, Formats, Most Compatible)."
        )
    return hint


def _counts(split: Split, labels: NDArray[np.int64], n_classes: int, before: Before | None) -> tuple[int, ...]:
    """Pictures of each class in a split, old and new ones."""
    counts = np.bincount(labels, minlength=n_classes)
    return tuple((counts if before is None else counts + before.counts(split, n_classes)).tolist())


def _duplicates(
    decoded: Decoded, labels: NDArray[np.int64], split_of: Sequence[Split | None], before: Before | None
) -> Duplicates:
    if before is None:
        return find_duplicates(decoded.digests, labels.tolist(), split_of, decoded.names)
    return find_duplicates(
        [*before.digests, *decoded.digests],
        [*before.all_labels, *labels.tolist()],
        [*before.split_of, *split_of],
        [*before.names, *decoded.names],
    )


def _splits(
    order: ConversionOrder,
    content: Content,
    decoded: Decoded,
    labels: NDArray[np.int64],
    n_classes: int,
    is_new: Sequence[bool],
) -> Sequence[Split | None]:
    """The split of each record: as the archive has it; the test split is drawn from the rest when it has none."""
    assigned: list[Split | None] = [
        (split or "train") if used else None for split, used in zip(decoded.splits, is_new, strict=True)
    ]
    if content.has_split("test"):
        return assigned
    rest = [row for row, split in enumerate(assigned) if split == "train"]
    options = order.options
    drawn = draw_test_split(
        labels[rest].tolist(),
        [decoded.digests[row] for row in rest],
        n_classes,
        options.test_share,
        options.seed,
    )
    for row, is_test in zip(rest, drawn, strict=True):
        if is_test:
            assigned[row] = "test"
    return assigned


def _refuse_empty_split(split_of: Sequence[Split | None]) -> None:
    missing = [name for split, name in (("train", "training"), ("test", "test")) if split not in split_of]
    if missing:
        raise ArchiveRejected(
            f"The {missing[0]} split has no pictures; expected at least two different ones in some class, "
            "or pictures in both `train/` and `test/`.",
            "too_few_pictures",
        )


def _draw_preview(
    order: ConversionOrder,
    image_shape: tuple[int, int, int],
    classes: tuple[str, ...],
    train: tuple[int, ...],
    test: tuple[int, ...],
) -> None:
    """Training pictures of each class; test pictures for a class that has too few training pictures."""
    folder = Path(order.folder)
    heading = heading_of(order.options.name, image_shape, sum(train), sum(test))
    train_labels, test_labels = (np.load(folder / file, allow_pickle=False) for file in (FILES[1], FILES[3]))
    with ArrayFile(folder / FILES[0]) as train_images, ArrayFile(folder / FILES[2]) as test_images:

        def row(index: int) -> Row:
            first = np.flatnonzero(train_labels == index)[:COLUMNS]
            more = np.flatnonzero(test_labels == index)[: COLUMNS - len(first)]
            images = np.concatenate([train_images.rows(first), test_images.rows(more)])
            return Row(classes[index], train[index], test[index], images)

        sheet = draw_contact_sheet(heading, map(row, range(len(classes))), len(classes), image_shape)
    (folder / PREVIEW_FILE).write_bytes(sheet)


def _report(
    findings: Findings,
    classes: tuple[str, ...],
    train: tuple[int, ...],
    test: tuple[int, ...],
    n_validation: int,
    duplicates: Duplicates,
) -> DatasetReport:
    return findings.report().model_copy(
        update={
            "duplicates": duplicates,
            "validation": n_validation,
            "small_classes": tuple(label for label, n in zip(classes, train, strict=True) if n < SMALL_CLASS),
            "missing_in_train": tuple(label for label, n in zip(classes, train, strict=True) if not n),
            "missing_in_test": tuple(label for label, n in zip(classes, test, strict=True) if not n),
        }
    )
