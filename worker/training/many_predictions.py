"""The job that classifies many pictures: another process reads them, and their rows go into the store in parts.

After an interruption the job continues after the last part, since the order of the pictures does not change. So it does
when the reader dies; a picture that ends two of them is a row with an error, and costs the others nothing.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest, ModelStore, StoreError, StoreFull, open_store
from worker.artifacts import ONNX_FILE
from worker.datasets import Dataset
from worker.jobs.errors import TrainingFailed, store_full
from worker.jobs.records import JobFailure, Progress, PublishedModel
from worker.predictions.options import BulkOrder, BulkPlan, ReaderOrder
from worker.predictions.process import ReaderDied, reading
from worker.predictions.rows import Counted, Failed, Refused, Row, written
from worker.supervision.messages import Order
from worker.training.published_versions import fetch_version
from worker.training.publishing import Link

logger = logging.getLogger(__name__)

ROWS_OF_A_PART = 500
REPORT_EVERY_S = 0.5
MOST_READERS = 20
"""A picture that ends its reader costs three of them: in a batch, alone, and once more to be sure."""


def run_predictions(order: Order, link: Link, dataset: Dataset | None) -> None:
    """Classify the pictures of a job.

    Args:
        order: of a job with `predictions`.
        link: to the worker.
        dataset: whose split they are, if they are one.

    Raises:
        TrainingFailed: the version is gone, the pictures cannot be used, or the store refuses.
    """
    plan = order.plan.predictions
    if plan is None:
        raise ValueError("the job classifies nothing")
    folder = Path(order.work_dir) / "predictions"
    folder.mkdir()
    store = open_store(order.store_url, order.min_free_bytes)
    try:
        manifest = fetch_version(plan.version, [ONNX_FILE], store, folder, "The version that was to answer")
        task = _reader_order(order, plan, manifest, store, dataset, folder)
        _classify(task, order.job, store, link)
    except StoreFull as error:
        raise TrainingFailed(store_full("The answers do not fit into the free space of the model store.")) from error
    except StoreError as error:
        raise TrainingFailed(_unavailable("The model store does not answer.")) from error
    link.published(PublishedModel.of(manifest))


def _reader_order(
    order: Order, plan: BulkPlan, manifest: Manifest, store: ModelStore, dataset: Dataset | None, folder: Path
) -> ReaderOrder:
    archive, images = folder / "pictures", folder / "images.npy"
    try:
        told = BulkOrder.model_validate_json(store.predictions.order(order.job))
        if dataset is None:
            store.imports.fetch(order.job, archive)
    except FileNotFoundError as error:
        raise TrainingFailed(_unavailable("The pictures are not in the model store any more.")) from error
    if dataset is not None:
        np.save(images, _images_of(dataset, str(plan.split)))
    return ReaderOrder(
        archive=None if dataset is not None else str(archive),
        images=None if dataset is None else str(images),
        prefix=f"{plan.split}/",
        folder=str(folder.absolute()),
        network=str(folder / ONNX_FILE),
        input_shape=manifest.input_shape,
        classes=manifest.classes,
        top_k=plan.top_k,
        start=ROWS_OF_A_PART * len(store.predictions.parts(order.job, "jsonl")),
        order=told,
        threads=max(1, (os.cpu_count() or 1) // 2),
    )


def _images_of(dataset: Dataset, split: str) -> NDArray[np.uint8]:
    if split == "validation" and dataset.validation is not None:
        return dataset.validation.images
    return dataset.train_images if split == "train" else dataset.test_images


def _classify(task: ReaderOrder, job: str, store: ModelStore, link: Link) -> None:
    if task.start:
        logger.info("goes on behind picture %d", task.start)
    parts = _Parts(store, job, task.top_k, task.start)
    for n in range(MOST_READERS):
        folder = Path(task.folder) / f"reader-{n}"
        folder.mkdir()
        parts.is_counted = False
        try:
            with reading(task.model_copy(update={"folder": str(folder)})) as messages:
                for row in _rows(messages, parts, link):
                    parts.add(row)
            break
        except ReaderDied as error:
            logger.warning("picture %d: %s", parts.done, error)
            is_useless = n == 0 and not parts.is_counted
            if is_useless or n == MOST_READERS - 1:
                raise TrainingFailed(_unread(error)) from error
            if parts.is_counted:  # otherwise it has read no picture, and another one may
                task = _after_death(task, parts.done)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    parts.finish()
    logger.info("%d pictures, of which %d could not be read", parts.done, parts.failed)


def _after_death(task: ReaderOrder, done: int) -> ReaderOrder:
    """What the next reader does: look at the pictures one by one, and leave out the one that has ended two readers."""
    if task.one_by_one and task.start == done:
        return task.model_copy(update={"one_by_one": False, "crashed": task.crashed | {done}})
    return task.model_copy(update={"one_by_one": True, "start": done})


def _unread(error: ReaderDied) -> JobFailure:
    hint = "Pictures may crash the decoder, or take more memory than allowed; see the log of the worker."
    return JobFailure(code="pictures_unusable", message=f"The pictures were not all read: {error}.", hint=hint)


def _rows(messages: Iterator[Row | Counted | Refused], parts: "_Parts", link: Link) -> Iterator[Row]:
    began_at, next_report, started_with, total = time.monotonic(), 0.0, parts.done, 0
    for message in messages:
        match message:
            case Counted():
                total, parts.is_counted = message.total, True
                for reason, n in sorted(message.left_out.items()):
                    logger.info("%d files are left out: %s", n, reason.replace("_", " "))
            case Refused():
                failure = JobFailure(code="pictures_unusable", message=message.message, hint=message.hint)
                raise TrainingFailed(failure)
            case row:
                yield row
        if time.monotonic() >= next_report or parts.done == total:
            next_report = time.monotonic() + REPORT_EVERY_S
            speed = (parts.done - started_with) / max(time.monotonic() - began_at, 1e-6)
            link.progress(_progress(parts.done, total, speed))


def _progress(done: int, total: int, speed: float) -> Progress:
    left_s = (total - done) / speed if speed else None
    return Progress(
        phase="predicting", epoch=1, epochs=1, step=done, steps=total, images_per_second=speed or None, eta_s=left_s
    )


def _unavailable(message: str) -> JobFailure:
    return JobFailure(code="store_unavailable", message=message, hint="Send the pictures again.")


@dataclass
class _Parts:
    """Rows on their way into the store.

    Attributes:
        done: rows so far, with those of earlier attempts.
        failed: of this attempt's rows, those without an answer.
        is_counted: the reader under way has said how many pictures there are.
    """

    store: ModelStore
    job: str
    top_k: int
    done: int
    failed: int = 0
    is_counted: bool = False
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take a row; a complete part is written."""
        self.rows.append(row)
        self.done += 1
        self.failed += isinstance(row, Failed)
        if len(self.rows) == ROWS_OF_A_PART:
            self.finish()

    def finish(self) -> None:
        """Write what there is as a part."""
        if self.rows:
            number = (self.done - 1) // ROWS_OF_A_PART
            part = written(self.rows, self.top_k, is_first=number == 0)
            self.store.predictions.put_part(self.job, number, part)
            self.rows = []
