"""One training job from start to end: data, network, fit, test, export, publish."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from model_store import DoctorVerdict, StoreUnavailable, VersionFacts, open_store
from worker.artifacts import KERAS_FILE, ONNX_FILE
from worker.datasets import DATASETS, Dataset, DatasetError, DownloadProgress, load_uploaded
from worker.datasets.copies import CopyDamaged, OpenedDataset, open_built_in
from worker.doctor.findings import Diagnosis
from worker.jobs.errors import TrainingFailed
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import JobFailure, Phase, Progress
from worker.pictures.pixels import to_unit_range
from worker.supervision.messages import Order
from worker.training.callbacks import AfterFirstStep
from worker.training.checkpoints import Checkpoints
from worker.training.doctoring import examine
from worker.training.evaluation import Evaluation
from worker.training.export import check_exportable, export_onnx, parity
from worker.training.exporting.export_job import run_export
from worker.training.film_recorder import FilmRecorder
from worker.training.fitting import Fit, Training
from worker.training.hardware import policy_of
from worker.training.importing.import_job import run_import
from worker.training.inside.record_job import record_version
from worker.training.inside.recording import record_layers
from worker.training.keras_files import save_trained
from worker.training.many_predictions import run_predictions
from worker.training.network import pictures_at_once
from worker.training.predicting import predict_pictures
from worker.training.preparation import build_network, prepare
from worker.training.publishing import Link, publish, runtime
from worker.training.reports import write_reports
from worker.training.splits import tested_pictures
from worker.training.testing import evaluated
from worker.training.transfer.stages import train_on_learned_weights
from worker.training.transfer.weights import give_learned_weights
from worker.training.trust.recording import record_trust

logger = logging.getLogger(__name__)

PARITY_PICTURES = 256
LOOKED_AT, LOOKED_AT_BACKBONE = 512, 64
"""Test pictures that are looked at layer by layer: as float32, all of a large test split would take gigabytes. A
backbone whose filters were not trained here is large and known: few pictures save most of the time."""


def run(order: Order, link: Link) -> None:
    """Train, test, export and publish; or import a model, classify many pictures, or add to a published version.

    Raises:
        TrainingFailed: the job cannot continue, with the reason.
    """
    _phases(link, order.plan.epochs)("preparing")
    if order.plan.predictions is not None:
        run_predictions(order, link, _load(order, link, 1) if order.plan.predictions.split else None)
        return
    check_exportable()
    if order.plan.imported is not None:
        run_import(order, link, _load(order, link, order.plan.epochs) if order.plan.dataset else None)
        return
    if order.plan.export is None and order.plan.record is None:
        _run_training(order, link)
        return
    dataset = _load(order, link, order.plan.epochs)
    if order.plan.export is not None:
        run_export(order, link, dataset)
        return
    _phases(link, order.plan.epochs)("exporting")
    store = open_store(order.store_url, order.min_free_bytes)
    link.published(record_version(order.plan, dataset, store, Path(order.work_dir)))


def _run_training(order: Order, link: Link) -> None:
    """Train on the dataset's unpacked copy, which is checked meanwhile; on the official files if it was damaged."""
    opened = _open(order, link, order.plan.epochs)
    try:
        run_on(opened.dataset, order, link, opened.confirm)
    except Exception:  # with a label that no class has, for example, no network can be trained
        if opened.is_intact():
            raise
        logger.warning("the unpacked copy of %s was damaged: the official files are read again", order.plan.dataset)
        keras.backend.clear_session()
        run_on(_open(order, link, order.plan.epochs, from_copy=False).dataset, order, link)


def run_on(dataset: Dataset, order: Order, link: Link, confirm: Callable[[], None] = lambda: None) -> None:
    """Everything after loading the dataset: train, test, export and publish.

    Args:
        dataset: to train on.
        order: the job.
        link: to the worker.
        confirm: called after the first step, before anything of it is kept; raises if the pictures are not the
            published ones.

    Raises:
        TrainingFailed: the job cannot continue, with the reason.
    """
    plan = order.plan
    enter = _phases(link, plan.epochs)
    network, fit = _train(order, dataset, link, confirm)

    enter("evaluating")
    tested = tested_pictures(dataset, plan.test_samples)
    probabilities = predict_pictures(network, tested.pictures.images)
    evaluation = evaluated(network, plan, dataset, tested, probabilities)

    enter("exporting")
    artifacts = Path(order.work_dir) / "artifacts"
    artifacts.mkdir()
    some = to_unit_range(tested.pictures.images[: LOOKED_AT_BACKBONE if plan.train == "head" else LOOKED_AT])
    n_compared = min(PARITY_PICTURES, pictures_at_once(network), len(some))
    difference = _write_models(artifacts, network, plan, some[:n_compared], probabilities[:n_compared])
    record_layers(artifacts, network, plan, dataset, some)
    diagnosis = examine(plan, dataset, fit, evaluation, artifacts)
    write_reports(artifacts, order, dataset, tested, network, fit, evaluation, probabilities, diagnosis)
    record_trust(artifacts, plan, open_store(order.store_url), dataset, network)

    enter("publishing")
    facts = _facts(order, dataset, network, fit, evaluation, difference, diagnosis)
    publish(order, artifacts, facts, link)


def _train(order: Order, dataset: Dataset, link: Link, confirm: Callable[[], None]) -> tuple[keras.Model, Fit]:
    """The network with the weights to publish: in float32 and on one device, however it was trained."""
    plan = order.plan
    checkpoints = Checkpoints(
        open_store(order.store_url, order.min_free_bytes).checkpoints,
        order.job,
        order.fence,
        Path(order.work_dir),
        dataset.fingerprint,
    )
    if plan.head_epochs:
        confirm()
        network, fit = train_on_learned_weights(order, dataset, link, checkpoints)
    else:
        network, fit = _train_whole(order, dataset, link, checkpoints, confirm)
    logger.info("fit took %.1f s, of which %.1f s waiting for data", fit.account.seconds, fit.account.data_wait_seconds)
    if policy_of(plan.precision) != "float32" or plan.devices > 1:
        trained, network = network, build_network(plan, dataset, "float32")
        network.set_weights(trained.get_weights())
    return network, fit


def _train_whole(
    order: Order, dataset: Dataset, link: Link, checkpoints: Checkpoints, confirm: Callable[[], None]
) -> tuple[keras.Model, Fit]:
    """Train every layer from the first epoch."""
    plan = order.plan
    prepared = prepare(plan, dataset)
    network, data, validation = prepared.network, prepared.data, prepared.validation
    if plan.initial_model is not None:
        give_learned_weights(network, order, dataset)
    logger.info(
        "%s on %s: %d parameters, %d training and %d validation pictures, precision %s",
        plan.architecture_name,
        plan.dataset,
        network.count_params(),
        len(data),
        len(validation),
        prepared.policy,
    )
    if plan.devices > 1:
        logger.info("every batch of %d pictures is divided among %d devices", plan.batch_size, plan.devices)
    recorder = FilmRecorder(plan, dataset, validation, len(data))
    fit = Training(
        network,
        data,
        validation,
        plan,
        checkpoints,
        link.progress,
        link.is_pause_asked,
        link.is_finish_asked,
        watchers=[AfterFirstStep(confirm), recorder],
    ).run()
    confirm()  # a training that was over has made no step
    film = recorder.film(network, fit.published_epoch())
    logger.info("the film took %.2f s of processor time", recorder.seconds)
    return network, replace(fit, film=film)


def _phases(link: Link, epochs: int) -> Callable[[Phase], None]:
    """A function that reports a phase; all phases but the first come after the last epoch."""
    return lambda phase: link.progress(
        Progress(phase=phase, epoch=0 if phase == "preparing" else epochs, epochs=epochs)
    )


def _load(order: Order, link: Link, epochs: int) -> Dataset:
    """The dataset, whose pictures are the published ones."""
    opened = _open(order, link, epochs)
    try:
        opened.confirm()
    except CopyDamaged:
        return _open(order, link, epochs, from_copy=False).dataset
    return opened.dataset


def _open(order: Order, link: Link, epochs: int, *, from_copy: bool = True) -> OpenedDataset:
    def on_progress(progress: DownloadProgress) -> None:
        link.progress(Progress(phase="downloading", epochs=epochs, message=str(progress)))

    name = order.plan.dataset
    datasets_dir = Path(order.datasets_dir)
    try:
        if name in DATASETS:
            return open_built_in(
                name,
                datasets_dir,
                on_progress,
                mirror=order.sources.get(name),
                min_free_bytes=order.min_free_bytes,
                from_copy=from_copy,
            )
        store, version = open_store(order.store_url).datasets, order.plan.dataset_version
        return OpenedDataset(load_uploaded(name, store, datasets_dir, None, version))
    except (DatasetError, StoreUnavailable) as error:
        # The job's reader may not be the server's operator: show the name of the setting instead of the directory.
        hint = str(getattr(error, "hint", "")).replace(order.datasets_dir, "$CONVSERVE_DATASETS_DIR") or None
        raise TrainingFailed(
            JobFailure(code="dataset_unavailable", message=str(error), hint=hint),
        ) from error


def _write_models(
    directory: Path,
    network: keras.Model,
    plan: TrainingPlan,
    inputs: NDArray[np.float32],
    probabilities: NDArray[np.float32],
) -> float:
    save_trained(network, plan, directory / KERAS_FILE)
    export_onnx(network, directory / ONNX_FILE)
    difference = parity(directory / ONNX_FILE, inputs, probabilities)
    logger.info("%s agrees with %s to %.1e", ONNX_FILE, KERAS_FILE, difference)
    return difference


def _facts(
    order: Order,
    dataset: Dataset,
    network: keras.Model,
    fit: Fit,
    evaluation: Evaluation,
    difference: float,
    diagnosis: Diagnosis,
) -> VersionFacts:
    history = fit.history
    published = fit.published_epoch() - 1
    return VersionFacts(
        classes=dataset.info.classes,
        input_shape=dataset.info.image_shape,
        parameters=network.count_params(),
        metrics={
            "test_accuracy": evaluation.accuracy,
            "test_loss": evaluation.loss,
            "val_accuracy": history.val_accuracy[published],
            "best_val_accuracy": max(history.val_accuracy),
            **evaluation.views_metrics(),
            **fit.account.pace(),
        },
        recipe=order.plan.model_dump(mode="json", exclude={"architecture", "record"})
        | {"architecture": order.plan.architecture_name},
        architecture=order.plan.network.model_dump(mode="json", exclude_defaults=True),
        job=order.job,
        dataset=dataset.info.name,
        dataset_fingerprint=dataset.fingerprint,
        parity=difference,
        doctor=DoctorVerdict(worst=diagnosis.worst),
        passed_over=diagnosis.passed_over,
        owner=order.owner,
        tags=order.tags,
        note=order.note,
        runtime=runtime(),
    )
