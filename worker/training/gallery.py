"""Pictures of a network's answers on the test split: the confusion matrix, and the lesson's grid of predictions.

Arrays and numbers in, PNG bytes out; no Keras. Colours are safe for colour-blind readers, and wrong answers are marked
in words as well.
"""

import io

import matplotlib

matplotlib.use("agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from worker.training.evaluation import Evaluation

# Okabe and Ito's colour-blind safe palette (2008).
RIGHT_COLOUR = "#0072B2"
WRONG_COLOUR = "#D55E00"
GRID = 5
MOST_CLASSES_WITH_COUNTS = 25  # beyond, numbers in the cells can no longer be read


def draw_confusion_matrix(evaluation: Evaluation) -> bytes:
    """The confusion matrix as PNG: rows are the truth, shaded by the share of their row, with counts in the cells."""
    counts = np.array(evaluation.confusion_matrix)
    n_classes = len(evaluation.classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(5.0, 0.62 * n_classes + 2.2), 20.0)
    figure, axes = plt.subplots(figsize=(side, side), dpi=100, layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(f"test accuracy {evaluation.accuracy:.4f}, counts on the test split", fontsize=12)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    if n_classes <= MOST_CLASSES_WITH_COUNTS:
        axes.set_xticks(range(n_classes), evaluation.classes, rotation=45, ha="right")
        axes.set_yticks(range(n_classes), evaluation.classes)
        _write_counts(axes, counts, shares)
    return _png(figure)


def draw_predictions(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    classes: tuple[str, ...],
) -> bytes:
    """The first 25 pictures of the test split with what the network says of each, as PNG.

    Args:
        images: uint8, shape (n, height, width, channels), 0-255.
        labels: int64, shape (n,), the truth.
        probabilities: float32, shape (n, n_classes), rows sum to 1.
        classes: names in index order.
    """
    figure, grid = plt.subplots(GRID, GRID, figsize=(9, 10), dpi=100, layout="constrained")
    answers = probabilities.argmax(axis=1)
    shown = min(GRID * GRID, len(images))
    n_right = int((answers[:shown] == labels[:shown]).sum())
    figure.suptitle(
        f"the first {shown} pictures of the test split: {n_right} right, {shown - n_right} wrong", fontsize=13
    )
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, label, row in zip(grid.flat, images, labels, probabilities, strict=False):
        _draw_answer(axes, image, int(label), row, classes)
    return _png(figure)


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)


def _draw_answer(
    axes: Axes, image: NDArray[np.uint8], label: int, row: NDArray[np.float32], classes: tuple[str, ...]
) -> None:
    answer = int(row.argmax())
    is_right = answer == label
    # Hard pixels: a small picture that is smoothed no longer shows what the network saw.
    axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    said = f"{classes[answer]} {row[answer]:.0%}"
    axes.set_title(
        said if is_right else f"{said}\nwrong, is {classes[label]}",
        fontsize=9,
        color=RIGHT_COLOUR if is_right else WRONG_COLOUR,
        fontweight="normal" if is_right else "bold",
    )


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()
