"""The job that exports a published version: read its Keras file, write, open, compare on the test pictures, store."""

import hashlib
import logging
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from model_store import Manifest, ModelStore, StoreError, StoreUnavailable, open_store
from worker.artifacts import KERAS_FILE
from worker.datasets import Dataset
from worker.imports.errors import ImportRefused
from worker.jobs.errors import TrainingFailed
from worker.jobs.exported import FILE_OF, Exported, exportable, record_of
from worker.jobs.records import JobFailure, Phase, Progress, PublishedModel
from worker.recipe.exports import ExportFormat
from worker.supervision.messages import Order
from worker.training.exporting.comparing import Likeness, answers_of, compared
from worker.training.exporting.runtimes import open_exported
from worker.training.exporting.writing import packed, write
from worker.training.importing.fitting_pictures import fit_test_pictures
from worker.training.network import pictures_at_once
from worker.training.predicting import predict_pictures
from worker.training.published_versions import fetch_version, unavailable
from worker.training.publishing import Link, store_failure
from worker.training.splits import tested_pictures

logger = logging.getLogger(__name__)

_WHAT = "The version to export"


def run_export(order: Order, link: Link, dataset: Dataset) -> None:
    """Export a version, and add the file to it if it answers as Keras does.

    Args:
        order: of a job with `export`.
        link: to the worker.
        dataset: that the version was tested on.

    Raises:
        TrainingFailed: the version is gone, cannot be exported here, or answers otherwise.
    """
    wanted = order.plan.export
    if wanted is None:
        raise ValueError("the job exports nothing")
    _require_runtime(wanted.format)
    store, work = open_store(order.store_url, order.min_free_bytes), Path(order.work_dir) / "export"
    work.mkdir()
    manifest = fetch_version(wanted.version, [KERAS_FILE], store, work, _WHAT)
    network = keras.saving.load_model(work / KERAS_FILE, compile=False)
    images, labels = _test_pictures(manifest, dataset, order.plan.test_samples, work)
    _enter(link, "exporting")
    written = _written(network, wanted.format, work / wanted.format)
    _enter(link, "evaluating")
    opened = open_exported(wanted.format, written)
    by_keras = predict_pictures(network, images)
    likeness = compared(
        answers_of(opened, images, pictures_at_once(network)), by_keras, labels, f"{wanted.format} ({opened.runtime})"
    )
    logger.info("%s in %s: test accuracy %.4f", wanted.format, opened.runtime, likeness.accuracy)
    logger.info(
        "Keras: test accuracy %.4f; the same class for %.2f %%", likeness.keras_accuracy, 100 * likeness.agreement
    )
    _enter(link, "publishing")
    file = packed(written, work / FILE_OF[wanted.format])
    _add(store, manifest, file, _exported(order.job, wanted.format, file, likeness, opened.runtime))
    link.published(PublishedModel.of(manifest))


def _require_runtime(export_format: ExportFormat) -> None:
    if export_format not in exportable():
        raise _unavailable(
            f"This worker cannot export to {export_format}; expected the package of this name, found none.",
            f"Where the worker runs: pip install 'convserve[{export_format}]', then start it again.",
        )


def _unavailable(message: str, hint: str | None = None) -> TrainingFailed:
    return TrainingFailed(JobFailure(code="export_unavailable", message=message, hint=hint))


def _test_pictures(
    manifest: Manifest, dataset: Dataset, samples: int | None, work: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures that the version was tested on, in its shape, with their labels."""
    if manifest.dataset_fingerprint != dataset.fingerprint:
        message = (
            f"The dataset {manifest.dataset!r} is not the one that the version was tested on: its "
            "fingerprint has changed."
        )
        hint = "Train a version on the dataset as it is now, and export that."
        raise TrainingFailed(JobFailure(code="dataset_unavailable", message=message, hint=hint))
    try:
        images = fit_test_pictures(dataset, manifest.input_shape, work)
    except ImportRefused as error:
        raise TrainingFailed(JobFailure(code="dataset_unavailable", message=error.message)) from error
    if samples is None:
        return images, dataset.test_labels
    rows = tested_pictures(dataset, samples).rows
    return images[rows], dataset.test_labels[rows]


def _written(network: keras.Model, export_format: ExportFormat, path: Path) -> Path:
    try:
        write(network, export_format, path)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # whatever the converters raise for a network that they do not know
        logger.exception("%s could not be written", export_format)
        message = f"Keras cannot write this network as {export_format}: {_first_line(error)}"
        raise _unavailable(message, "Use its model.onnx, or another format.") from error
    return path


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _exported(job: str, export_format: ExportFormat, file: Path, likeness: Likeness, runtime: str) -> Exported:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Exported(
        format=export_format,
        file=FILE_OF[export_format],
        size_bytes=file.stat().st_size,
        sha256=digest,
        **vars(likeness),
        runtime=runtime,
        exporter=f"Keras {keras.__version__}",
        created_at=datetime.now(UTC),
        job=job,
    )


def _add(store: ModelStore, manifest: Manifest, file: Path, exported: Exported) -> None:
    """Store the file, then its record: with the record, the export exists."""
    record = exported.model_dump_json(indent=1).encode() + b"\n"
    try:
        store.manifest(manifest.model, manifest.version)  # it may have been deleted meanwhile
        store.later_files.put_large(manifest.model, manifest.version, exported.file, file)
        store.later_files.put(manifest.model, manifest.version, record_of(exported.format), record)
    except StoreUnavailable as error:
        raise TrainingFailed(store_failure(error)) from error
    except StoreError as error:
        raise unavailable(error, _WHAT) from error


def _enter(link: Link, phase: Phase) -> None:
    link.progress(Progress(phase=phase))
