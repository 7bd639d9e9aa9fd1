"""Turns decoded pictures into a described dataset: classes, splits, arrays, contact sheet, report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store import DatasetFacts
from worker.datasets.contact_sheet import COLUMNS, Row, draw_contact_sheet, heading_of
from worker.datasets.upload.decoding import Decoded
from worker.datasets.upload.drawing_splits import draw_test_split
from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.findings import Findings
from worker.datasets.upload.folders import Content
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.messages import ConversionOrder
from worker.datasets.upload.packing import PREVIEW_FILE, Packed, pack, read_records
from worker.datasets.upload.report import SMALL_CLASS, DatasetReport, Duplicates, Split, find_duplicates
from worker.datasets.upload.surveying import OnPicture

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
    options = order.options
    labels, classes = _used_classes(findings, decoded)
    split_of = _splits(order, findings.content, decoded, labels)
    _refuse_empty_split(split_of)
    n_channels = 1 if decoded.shape[2] == 1 or (options.colour == "auto" and decoded.is_grey) else 3
    packed = pack(
        decoded,
        labels,
        split_of,
        n_channels,
        options.seed,
        Path(order.folder),
        on_picture,
    )
    train, test, validation = (
        tuple(np.bincount(labels[rows], minlength=len(classes)).tolist())
        for rows in (packed.train_rows, packed.test_rows, packed.validation_rows)
    )
    _draw_preview(order, decoded, packed, labels, classes, train, test)
    duplicates = find_duplicates(decoded.digests, list(labels), split_of, decoded.names)
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


def _used_classes(findings: Findings, decoded: Decoded) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The labels, renumbered to leave out classes without pictures, and the remaining classes."""
    labels = np.asarray(decoded.labels, dtype=np.int64)
    used = np.unique(labels)
    if len(used) < MIN_CLASSES:
        without = ", ".join(map(shown, findings.classes_without_pictures()[:MOST_NAMED]))
        raise ArchiveRejected(
            f"The archive has usable pictures in {len(used)} class folder{'s' * (len(used) != 1)}; expected at least "
            f"{MIN_CLASSES}. Pictures are JPEG, PNG, WebP or BMP files. No usable picture is in: {without}.",
            "too_few_classes",
            "The report names skipped files and says why they are not usable.",
        )
    return np.searchsorted(used, labels), tuple(findings.content.classes[index] for index in used)


def _splits(order: ConversionOrder, content: Content, decoded: Decoded, labels: NDArray[np.int64]) -> Sequence[Split]:
    """The split of each record: as the archive has it; the test split is drawn from the rest when it has none."""
    assigned: list[Split] = [split or "train" for split in decoded.splits]
    if content.has_split("test"):
        return assigned
    rest = [row for row, split in enumerate(assigned) if split == "train"]
    options = order.options
    drawn = draw_test_split(
        labels[rest].tolist(),
        [decoded.digests[row] for row in rest],
        len(content.classes),
        options.test_share,
        options.seed,
    )
    for row, is_test in zip(rest, drawn, strict=True):
        if is_test:
            assigned[row] = "test"
    return assigned


def _refuse_empty_split(split_of: Sequence[Split]) -> None:
    missing = [name for split, name in (("train", "training"), ("test", "test")) if split not in split_of]
    if missing:
        raise ArchiveRejected(
            f"The {missing[0]} split has no pictures; expected at least two different ones in some class, "
            "or pictures in both `train/` and `test/`.",
            "too_few_pictures",
        )


def _draw_preview(
    order: ConversionOrder,
    decoded: Decoded,
    packed: Packed,
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    train: tuple[int, ...],
    test: tuple[int, ...],
) -> None:
    """Training pictures of each class; test pictures for a class that has no training pictures."""
    in_order = np.concatenate([packed.train_rows, packed.test_rows])
    heading = heading_of(order.options.name, packed.image_shape, sum(train), sum(test))
    with decoded.path.open("rb", buffering=0) as records:

        def row(index: int) -> Row:
            chosen = in_order[labels[in_order] == index][:COLUMNS]
            images = read_records(records, decoded.shape, chosen)[..., : packed.image_shape[2]]
            return Row(classes[index], train[index], test[index], images)

        rows = map(row, range(len(classes)))
        sheet = draw_contact_sheet(heading, rows, len(classes), packed.image_shape)
    (Path(order.folder) / PREVIEW_FILE).write_bytes(sheet)


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
