"""One training job in a straight line: data, network, fit, test, export, publish."""

import errno
import io
import json
import logging
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model_store import Draft, StoreUnavailable, VersionFacts, open_store
from worker.curves import draw_curves
from worker.datasets import Dataset, DatasetError, DownloadProgress, load_dataset
from worker.errors import TrainingFailed
from worker.messages import Order
from worker.records import History, JobFailure, Phase, Progress, PublishedModel
from worker.requests import description_of
from worker.training.evaluation import Evaluation, evaluate
from worker.training.export import export_onnx, parity
from worker.training.fitting import Fit, compile_network, fit_network
from worker.training.gallery import draw_confusion_matrix, draw_predictions
from worker.training.network import build_model
from worker.training.splits import test_split, training_splits

logger = logging.getLogger(__name__)

PREDICT_BATCH = 512
PARITY_PICTURES = 256


class Link(Protocol):
    """Whom the pipeline tells how it goes, and asks for leave to publish."""

    def progress(self, progress: Progress, history: History | None = None) -> None:
        """How far the job is."""

    def may_publish(self) -> bool:
        """Whether the version may be committed."""

    def published(self, model: PublishedModel) -> None:
        """The version is committed."""


def run(order: Order, link: Link) -> None:
    """Train, test, export and publish.

    Raises:
        TrainingFailed: the job cannot go on, with the reason.
    """
    request = order.request
    assert request.epochs is not None
    assert request.seed is not None
    assert request.optimizer is not None
    enter = _phases(link, request.epochs)

    enter("preparing")
    keras.utils.set_random_seed(request.seed)
    dataset = _load(order, link, request.epochs)
    network = build_model(description_of(request), dataset.info.image_shape, len(dataset.info.classes))
    compile_network(network, request.optimizer)
    training, validation = training_splits(dataset, request)
    logger.info(
        "%s on %s: %d parameters, %d training and %d validation pictures",
        request.architecture_name,
        request.dataset,
        network.count_params(),
        len(training),
        len(validation),
    )

    fit = fit_network(network, training, validation, request, link.progress)
    logger.info("fit took %.1f s; first step %.2f s after the claim", fit.seconds, fit.first_step_at - order.claimed_at)
    del training, validation

    enter("evaluating")
    test = test_split(dataset)
    probabilities = network.predict(test.inputs, batch_size=PREDICT_BATCH, verbose=0)
    evaluation = evaluate(probabilities, dataset.test_labels, dataset.info.classes)
    logger.info("test accuracy %.4f, test loss %.4f", evaluation.accuracy, evaluation.loss)

    enter("exporting")
    artifacts = Path(order.work_dir) / "artifacts"
    artifacts.mkdir()
    difference = _write_models(artifacts, network, test.inputs[:PARITY_PICTURES], probabilities[:PARITY_PICTURES])
    _write_records(artifacts, order, network, fit, evaluation)
    _draw_pictures(artifacts, order, dataset, fit, evaluation, probabilities)

    enter("publishing")
    facts = _facts(order, dataset, network, fit, evaluation, difference)
    _publish(order, artifacts, facts, evaluation, link)


def _phases(link: Link, epochs: int) -> Callable[[Phase], None]:
    """Tell of a phase; every one but the first comes when all epochs are done."""
    return lambda phase: link.progress(
        Progress(phase=phase, epoch=0 if phase == "preparing" else epochs, epochs=epochs)
    )


def _load(order: Order, link: Link, epochs: int) -> Dataset:
    def on_progress(progress: DownloadProgress) -> None:
        link.progress(Progress(phase="downloading", epochs=epochs, message=str(progress)))

    name = order.request.dataset
    try:
        return load_dataset(name, Path(order.datasets_dir), on_progress=on_progress, mirror=order.sources.get(name))
    except DatasetError as error:
        # Whoever reads the job may not be whoever runs the server: the directory goes by its setting's name.
        hint = str(getattr(error, "hint", "")).replace(order.datasets_dir, "$CONVSERVE_DATASETS_DIR") or None
        raise TrainingFailed(
            JobFailure(code="dataset_unavailable", message=str(error), hint=hint),
        ) from error


def _write_models(
    directory: Path, network: keras.Model, inputs: NDArray[np.float32], probabilities: NDArray[np.float32]
) -> float:
    network.save(directory / "model.keras")
    export_onnx(network, directory / "model.onnx")
    difference = parity(directory / "model.onnx", inputs, probabilities)
    logger.info("model.onnx agrees with model.keras to %.1e", difference)
    return difference


def _write_records(directory: Path, order: Order, network: keras.Model, fit: Fit, evaluation: Evaluation) -> None:
    history = fit.history.model_dump() | {
        "fit_seconds": fit.seconds,
        "fit_cpu_seconds": fit.cpu_seconds,
        "first_step_seconds": fit.first_step_at - order.claimed_at,
    }
    (directory / "history.json").write_text(json.dumps(history, indent=1))
    (directory / "evaluation.json").write_text(evaluation.model_dump_json(indent=1))
    summary = io.StringIO()
    network.summary(print_fn=lambda line: summary.write(line + "\n"), line_length=80)
    (directory / "summary.txt").write_text(summary.getvalue())


def _draw_pictures(
    directory: Path,
    order: Order,
    dataset: Dataset,
    fit: Fit,
    evaluation: Evaluation,
    probabilities: NDArray[np.float32],
) -> None:
    title = f"{order.request.architecture_name} on {order.request.dataset}, test accuracy {evaluation.accuracy:.4f}"
    (directory / "curves.png").write_bytes(draw_curves(fit.history, title))
    (directory / "confusion-matrix.png").write_bytes(draw_confusion_matrix(evaluation))
    (directory / "predictions.png").write_bytes(
        draw_predictions(dataset.test_images, dataset.test_labels, probabilities, dataset.info.classes)
    )


def _facts(
    order: Order, dataset: Dataset, network: keras.Model, fit: Fit, evaluation: Evaluation, difference: float
) -> VersionFacts:
    history = fit.history
    return VersionFacts(
        classes=dataset.info.classes,
        input_shape=dataset.info.image_shape,
        parameters=network.count_params(),
        metrics={
            "test_accuracy": evaluation.accuracy,
            "test_loss": evaluation.loss,
            "val_accuracy": history.val_accuracy[-1],
            "best_val_accuracy": max(history.val_accuracy),
            "fit_seconds": fit.seconds,
        },
        recipe=order.request.model_dump(mode="json", exclude={"architecture"})
        | {"architecture": order.request.architecture_name},
        architecture=description_of(order.request).model_dump(mode="json", exclude_defaults=True),
        job=order.job,
        dataset=dataset.info.name,
        dataset_fingerprint=dataset.fingerprint,
        parity=difference,
        runtime={
            "python": platform.python_version(),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "convserve": version("convserve"),
            "device": "gpu" if tf.config.list_physical_devices("GPU") else "cpu",
        },
    )


def _publish(order: Order, artifacts: Path, facts: VersionFacts, evaluation: Evaluation, link: Link) -> None:
    assert order.request.model is not None
    try:
        with open_store(order.store_url).draft(order.request.model) as draft:
            _upload(draft, artifacts)
            # The last question before it can be seen: a job that was cancelled, or is no longer ours, ends here.
            if not link.may_publish():
                return
            manifest = draft.commit(facts)
    except StoreUnavailable as error:
        raise TrainingFailed(_store_failure(error)) from error
    link.published(
        PublishedModel(
            name=manifest.model,
            version=manifest.version,
            test_loss=evaluation.loss,
            test_accuracy=evaluation.accuracy,
        )
    )


def _store_failure(error: StoreUnavailable) -> JobFailure:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return JobFailure(
            code="disk_full",
            message="The model store has no room for the trained model.",
            hint="Free space, for example with DELETE /models/{name}/versions/{version}; then submit the job again.",
        )
    return JobFailure(
        code="store_unavailable",
        message="The trained model could not be written to the model store.",
        hint="GET /readyz and the worker's log say more; then submit the job again.",
    )


def _upload(draft: Draft, artifacts: Path) -> None:
    for path in sorted(artifacts.iterdir()):
        draft.add(path.name, path)
