"""Writes the report files of a run: history, evaluation, mistakes, layer table and pictures."""

import io
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from worker.artifacts import (
    CALIBRATION_PICTURE,
    CONFUSION_MATRIX_PICTURE,
    CURVES_PICTURE,
    DOCTOR_FILE,
    DOUBTFUL_FILE,
    DOUBTFUL_PICTURE,
    EVALUATION_FILE,
    FILM_FILE,
    FILM_PICTURE,
    HISTORY_FILE,
    MISTAKES_FILE,
    MISTAKES_PICTURE,
    PREDICTIONS_PICTURE,
    SUMMARY_FILE,
)
from worker.datasets import Dataset
from worker.doctor.findings import Diagnosis
from worker.reports.curves import draw_curves
from worker.reports.mistakes import find_mistakes
from worker.supervision.messages import Order
from worker.training.calibration_picture import draw_calibration
from worker.training.confusion_picture import draw_confusion_matrix
from worker.training.evaluation import Evaluation
from worker.training.film_strip import draw_film
from worker.training.fitting import Fit
from worker.training.gallery import draw_doubtful, draw_mistakes, draw_predictions
from worker.training.splits import Tested

LIST_OF_NUMBERS = re.compile(r"\[\n[\d\s.,eE+-]+\]")


def write_reports(
    directory: Path,
    order: Order,
    dataset: Dataset,
    tested: Tested,
    network: keras.Model,
    fit: Fit,
    evaluation: Evaluation,
    probabilities: NDArray[np.float32],
    diagnosis: Diagnosis,
) -> None:
    """Write all reports of a finished run, for people and for programs.

    Args:
        directory: receives the files.
        order: the job.
        dataset: the dataset that the network was trained and tested on.
        tested: the pictures of the test split that it was tested on.
        network: the trained network.
        fit: the result of the training.
        evaluation: evaluation of `probabilities`.
        probabilities: float32, shape (n_tested, n_classes), the network's outputs for `tested`.
        diagnosis: what the doctor found.
    """
    (directory / HISTORY_FILE).write_text(_history(fit, order))
    (directory / DOCTOR_FILE).write_text(diagnosis.model_dump_json(indent=1) + "\n")
    (directory / SUMMARY_FILE).write_text(layer_table(network))
    subject = f"{order.plan.architecture_name} on {order.plan.dataset}"
    title = f"{subject}, test accuracy {evaluation.accuracy:.4f}"
    curves = draw_curves(fit.history, title, is_best_kept=fit.is_best_kept)
    (directory / CURVES_PICTURE).write_bytes(curves)
    if fit.film is not None:
        (directory / FILM_FILE).write_text(fit.film.model_dump_json() + "\n")
        (directory / FILM_PICTURE).write_bytes(draw_film(fit.film, dataset.test_images, subject))
    if fit.doubtful is not None:
        (directory / DOUBTFUL_FILE).write_text(fit.doubtful.model_dump_json())
        (directory / DOUBTFUL_PICTURE).write_bytes(draw_doubtful(dataset.train_images, fit.doubtful, subject))
    write_evaluation(directory, subject, dataset.test_images, tested, evaluation, probabilities)


def write_evaluation(
    directory: Path,
    subject: str,
    images: NDArray[np.uint8],
    tested: Tested,
    evaluation: Evaluation,
    probabilities: NDArray[np.float32],
) -> None:
    """Write what the answers to the test pictures show, as numbers and as pictures.

    Args:
        directory: receives the files.
        subject: of the pictures' titles.
        images: uint8, shape (n, height, width, channels), all test pictures.
        tested: those of them that were predicted.
        evaluation: evaluation of `probabilities`.
        probabilities: float32, shape (n, n_classes), the network's outputs for `tested`.
    """
    classes = evaluation.classes
    mistakes = find_mistakes(probabilities, tested.pictures.labels, classes, tested.rows)
    (directory / EVALUATION_FILE).write_text(_readable(evaluation.model_dump()))
    (directory / MISTAKES_FILE).write_text(mistakes.model_dump_json())
    (directory / CONFUSION_MATRIX_PICTURE).write_bytes(draw_confusion_matrix(evaluation, subject))
    (directory / CALIBRATION_PICTURE).write_bytes(draw_calibration(evaluation.calibration, subject))
    (directory / MISTAKES_PICTURE).write_bytes(draw_mistakes(images, mistakes, subject))
    (directory / PREDICTIONS_PICTURE).write_bytes(
        draw_predictions(tested.pictures.images, tested.pictures.labels, probabilities, classes, subject)
    )


def _history(fit: Fit, order: Order) -> str:
    """The metrics of every epoch, and how the time was spent, in seconds."""
    history = fit.history.model_dump() | {
        "epoch_seconds": fit.account.epoch_seconds,
        "fit_seconds": fit.account.seconds,
        "fit_cpu_seconds": fit.account.cpu_seconds,
        "data_wait_seconds": fit.account.data_wait_seconds,
        "data_wait_share": fit.account.data_wait_seconds / fit.account.seconds,
        "first_step_seconds": None if fit.first_step_at is None else fit.first_step_at - order.claimed_at,
    }
    return _readable(history)


def _readable(numbers: dict[str, Any]) -> str:
    """JSON with one line per list of numbers, such as a row of the confusion matrix, instead of one per number."""
    text = to_json(numbers, indent=1, inf_nan_mode="null").decode()
    return LIST_OF_NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n"


def layer_table(network: keras.Model) -> str:
    """The layers with shapes and parameters, as Keras prints them for a network that is not compiled.

    For a compiled network, Keras would also count the optimizer's variables as parameters.
    """
    table = io.StringIO()
    uncompiled = keras.Model(network.inputs, network.outputs, name=network.name)
    uncompiled.summary(print_fn=lambda line: table.write(line + "\n"), line_length=80)
    return table.getvalue()
