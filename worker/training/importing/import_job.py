"""The job that imports a model: fetch the file, let another process read it, build, compare, test, publish."""

import hashlib
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store import DoctorVerdict, StoreError, VersionFacts, open_store
from worker.artifacts import DOCTOR_FILE
from worker.datasets import Dataset
from worker.datasets.dataset import LabelledImages
from worker.doctor.findings import diagnosis_of
from worker.imports.errors import ImportRefused
from worker.imports.options import ImportedModel
from worker.imports.process import read_apart
from worker.imports.result import Checked, Transcoded
from worker.jobs.errors import TrainingFailed
from worker.jobs.import_plan import ARCHITECTURE
from worker.jobs.records import JobFailure, Phase, Progress
from worker.supervision.messages import Order
from worker.training.evaluation import Evaluation, evaluate
from worker.training.importing.fitting_pictures import fit_test_pictures
from worker.training.importing.keras_version import write_keras_version
from worker.training.importing.onnx_version import write_onnx_version
from worker.training.importing.version import ImportedVersion
from worker.training.publishing import Link, publish, runtime
from worker.training.reports import write_evaluation
from worker.training.splits import Tested

logger = logging.getLogger(__name__)

UNUSABLE_HINT = "See docs/how-to/import-a-model.md for what can be imported."
LIKE_GUESSING = 1.5
"""An accuracy below this many times that of guessing is remarked on."""


def run_import(order: Order, link: Link, dataset: Dataset | None) -> None:
    """Import a model and publish it.

    Args:
        order: of a job with `imported`.
        link: to the worker.
        dataset: whose test pictures it is evaluated on, if it is.

    Raises:
        TrainingFailed: the file cannot be used (`model_unusable`), or the version cannot be published.
    """
    imported = order.plan.imported
    if imported is None:
        raise ValueError("the job imports nothing")
    work, artifacts = Path(order.work_dir) / "import", Path(order.work_dir) / "artifacts"
    work.mkdir()
    artifacts.mkdir()
    try:
        _import(order, imported, link, dataset, work, artifacts)
    except ImportRefused as error:
        raise _unusable(error) from error


def _import(
    order: Order, imported: ImportedModel, link: Link, dataset: Dataset | None, work: Path, artifacts: Path
) -> None:
    path = work / "upload"
    _fetch(order, imported, path)
    found = read_apart(path, imported, work)
    classes = _classes(imported, found.n_classes)
    for remark in found.remarks:
        logger.info("%s", remark)
    logger.info("pictures of %s, scaled as %s, %d classes", found.input_shape, found.preprocessing, len(classes))
    pictures = None if dataset is None else fit_test_pictures(dataset, found.input_shape, work)
    _enter(link, "exporting")
    if isinstance(found, Transcoded):
        version = write_keras_version(found, order.plan, work, artifacts, pictures)
    else:
        version = write_onnx_version(found, work, artifacts)
    metrics: dict[str, float] = {}
    if dataset is not None and pictures is not None:
        _enter(link, "evaluating")
        metrics = _evaluate(order, version.predict(pictures), dataset, pictures, artifacts)
    (artifacts / DOCTOR_FILE).write_text(diagnosis_of(()).model_dump_json(indent=1) + "\n")  # no run to examine
    _enter(link, "publishing")
    fingerprint = "" if dataset is None else dataset.fingerprint
    publish(order, artifacts, _facts(order, imported, found, version, classes, metrics, fingerprint), link)


def _facts(
    order: Order,
    imported: ImportedModel,
    found: Transcoded | Checked,
    version: ImportedVersion,
    classes: tuple[str, ...],
    metrics: dict[str, float],
    fingerprint: str,
) -> VersionFacts:
    said = imported.model_dump(mode="json", exclude={"upload"})
    if imported.preprocessing == "auto":
        said["preprocessing"] = found.preprocessing
    return VersionFacts(
        classes=classes,
        input_shape=version.input_shape,
        parameters=version.parameters,
        metrics=metrics,
        recipe={"architecture": ARCHITECTURE, "imported": said, "remarks": list(found.remarks)},
        architecture=version.architecture,
        job=order.job,
        dataset=order.plan.dataset,
        dataset_fingerprint=fingerprint,
        parity=version.difference,
        doctor=DoctorVerdict(worst="none"),
        owner=order.owner,
        tags=order.tags,
        note=order.note,
        runtime=runtime(),
    )


def _enter(link: Link, phase: Phase) -> None:
    link.progress(Progress(phase=phase, epochs=0))


def _fetch(order: Order, imported: ImportedModel, path: Path) -> None:
    """The uploaded file, and a check that it is the one that was sent."""
    try:
        open_store(order.store_url).imports.fetch(imported.upload, path)
    except (FileNotFoundError, StoreError) as error:
        raise TrainingFailed(
            JobFailure(
                code="store_unavailable",
                message="The uploaded model cannot be read from the model store.",
                hint="Send the file again.",
            )
        ) from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != imported.sha256:
        raise ImportRefused("The stored file is not the one that was sent.", "Send the file again.")


def _classes(imported: ImportedModel, n_classes: int) -> tuple[str, ...]:
    if imported.classes is None:
        return tuple(str(number) for number in range(n_classes))
    if len(imported.classes) != n_classes:
        raise ImportRefused(
            f"The model does not fit the classes; expected one output for each of {len(imported.classes)} classes, "
            f"got {n_classes}."
        )
    return imported.classes


def _evaluate(
    order: Order, probabilities: NDArray[np.float32], dataset: Dataset, pictures: NDArray[np.uint8], artifacts: Path
) -> dict[str, float]:
    evaluation = evaluate(probabilities, dataset.test_labels, dataset.info.classes)
    logger.info("test accuracy %.4f, test loss %.4f", evaluation.accuracy, evaluation.loss)
    _remark_on(evaluation)
    subject = f"{order.plan.model} on {order.plan.dataset}"
    tested = Tested(LabelledImages(pictures, dataset.test_labels), np.arange(len(pictures)))
    write_evaluation(artifacts, subject, pictures, tested, evaluation, probabilities)
    return {"test_accuracy": evaluation.accuracy, "test_loss": evaluation.loss}


def _remark_on(evaluation: Evaluation) -> None:
    if evaluation.accuracy < LIKE_GUESSING / len(evaluation.classes):
        logger.warning("it answers as if it guessed: check `preprocessing` and the order of `classes`")


def _unusable(error: ImportRefused) -> TrainingFailed:
    return TrainingFailed(JobFailure(code="model_unusable", message=error.message, hint=error.hint or UNUSABLE_HINT))
