"""Compares an exported network with the Keras file on the test pictures, and refuses one that answers worse."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.jobs.errors import TrainingFailed
from worker.jobs.records import JobFailure
from worker.pictures.pixels import to_unit_range
from worker.training.exporting.runtimes import Opened

MOST_POINTS = 0.1
"""Percentage points by which the accuracies may differ."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Likeness:
    """How an export answers beside Keras, on the same pictures."""

    accuracy: float
    keras_accuracy: float
    agreement: float
    largest_difference: float
    pictures: int


def answers_of(opened: Opened, images: NDArray[np.uint8], at_once: int) -> NDArray[np.float32]:
    """The probabilities of an exported network.

    Args:
        opened: by its runtime.
        images: uint8, shape (n, height, width, channels).
        at_once: pictures of a batch.
    """
    starts = range(0, len(images), at_once)
    return np.concatenate([opened.predict(to_unit_range(images[start : start + at_once])) for start in starts])


def compared(
    exported: NDArray[np.float32], by_keras: NDArray[np.float32], labels: NDArray[np.int64], what: str
) -> Likeness:
    """Compare two sets of probabilities.

    Args:
        exported: float32, shape (n, n_classes).
        by_keras: the same of Keras.
        labels: int64, shape (n,).
        what: was exported to, for the message.

    Raises:
        TrainingFailed: the accuracies differ by more than `MOST_POINTS` (`parity`).
    """
    theirs, ours = exported.argmax(axis=1), by_keras.argmax(axis=1)
    found = Likeness(
        accuracy=float((theirs == labels).mean()),
        keras_accuracy=float((ours == labels).mean()),
        agreement=float((theirs == ours).mean()),
        largest_difference=float(np.abs(exported - by_keras).max()),
        pictures=len(labels),
    )
    difference = 100 * abs(found.accuracy - found.keras_accuracy)
    if difference > MOST_POINTS + _ROUNDING or not np.isfinite(exported).all():
        raise TrainingFailed(_other_answers(found, what))
    return found


def _other_answers(found: Likeness, what: str) -> JobFailure:
    return JobFailure(
        code="parity",
        message=f"As {what} the network gives other answers, so nothing was published; expected a test accuracy within "
        f"{MOST_POINTS} percentage points of Keras's {found.keras_accuracy:.2%}, got {found.accuracy:.2%} on "
        f"{found.pictures:,} pictures.",
        hint="The version itself is unchanged: use its model.onnx, or another format.",
    )
