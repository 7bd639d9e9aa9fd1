"""Pictures of the numbers in `evaluation.json`: the confusion matrix and the reliability diagram.

Takes numbers, returns PNG bytes; no Keras.
"""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from worker.pictures.colours import BLUE, GREY, VERMILLION
from worker.pictures.drawing import new_figure, picture_bytes, shortened, text_width
from worker.training.calibration import Calibration, CalibrationBin
from worker.training.evaluation import Evaluation

DPI = 100
MOST_CLASSES_WITH_COUNTS = 25  # with more, the numbers in the cells are not readable
MOST_CLASSES_WITH_NAMES = 120  # with more, rows are narrower than the smallest letters
NO_PICTURES = "#DDDDDD"
LIGHT_BLUE = "#9CCBE6"
FEW_ANSWERS, FADED = 30, 0.3  # with so few, the accuracy is uncertain by about nine percentage points
GAP: dict[str, Any] = {"facecolor": "none", "edgecolor": VERMILLION, "hatch": "///", "linewidth": 1}

# Inches.
CELL, LEAST_MATRIX, MOST_MATRIX = 0.58, 2.2, 10.5
WIDEST_NAME = 1.7
LETTERING = 0.5  # an axis's label and ticks
HEADING = 0.75
BAR, BAR_SPACE = 0.15, 1.1


def draw_confusion_matrix(evaluation: Evaluation, subject: str) -> bytes:
    """The confusion matrix as PNG: one row per true class, cells shaded by their share of the row, with counts.

    The row of a class without test pictures is grey. With many classes the counts are left out, and the shade grows
    with the square root of the share, so that a few mistakes are still visible.

    Args:
        evaluation: evaluation of a network on a test split.
        subject: the network and the dataset, for the heading.
    """
    counts = np.array(evaluation.confusion_matrix)
    n_classes = len(counts)
    support = counts.sum(axis=1, keepdims=True)
    shares = np.ma.masked_array(counts / np.maximum(support, 1), np.broadcast_to(support == 0, counts.shape))
    has_counts = n_classes <= MOST_CLASSES_WITH_COUNTS
    points = min(10.0, max(5.0, 560 / n_classes))
    names = _names(evaluation.classes, points)
    name_width = max((text_width(name, points) for name in names), default=0.3)

    side = min(max(LEAST_MATRIX, CELL * n_classes), MOST_MATRIX)
    left, bottom = LETTERING + name_width, LETTERING + (name_width * 0.75 + 0.1 if has_counts else name_width)
    width, height = left + side + BAR_SPACE, bottom + side + HEADING
    figure = new_figure(width, height, dpi=DPI)
    axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
    shades = axes.imshow(
        shares,
        cmap=matplotlib.colormaps["Blues"].with_extremes(bad=NO_PICTURES),
        norm=Normalize(0, 1) if has_counts else PowerNorm(0.5, 0, 1),
        interpolation="nearest",
    )
    title = f"test accuracy {evaluation.accuracy:.4f} on {support.sum():,} pictures"
    figure.text(0.5, 1 - 0.22 / height, shortened(subject, width - 0.3, 13), ha="center", va="center", fontsize=13)
    figure.text(0.5, 1 - 0.5 / height, title, ha="center", va="center", fontsize=11)
    figure.text((left + side / 2) / width, 0.18 / height, "the network's answer", ha="center", va="center", fontsize=11)
    figure.text(
        0.18 / width, (bottom + side / 2) / height, "the truth", ha="center", va="center", rotation=90, fontsize=11
    )
    _write_names(axes, names, points, has_counts)
    if has_counts:
        _write_counts(axes, counts, shares)
    long = min(side, 4.0)
    bar = figure.add_axes(
        ((left + side + 0.15) / width, (bottom + (side - long) / 2) / height, BAR / width, long / height)
    )
    figure.colorbar(shades, cax=bar, format=PercentFormatter(1)).set_label("share of the row")
    return picture_bytes(figure)


def draw_calibration(calibration: Calibration, subject: str) -> bytes:
    """The reliability diagram as PNG: accuracy and number of predictions for each range of confidence.

    The accuracy of a few predictions is mostly chance, so their bars are faded.

    Args:
        calibration: calibration of a network on a test split.
        subject: the network and the dataset, for the heading.
    """
    figure = new_figure(6.0, 6.8, dpi=DPI)
    figure.set_layout_engine("constrained", h_pad=0.1)  # keeps the title away from the edge
    figure.suptitle(shortened(subject, 5.7, 13), fontsize=13)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.set_title(
        f"mean confidence {calibration.confidence:.3f}, expected calibration error {calibration.expected_error:.3f}",
        fontsize=11,
    )
    filled = [part for part in calibration.bins if part.count]
    _draw_reliability(above, filled)
    figure.legend(handles=_legend(filled), loc="outside lower center", ncols=2, frameon=False)
    n_answers = sum(part.count for part in filled)
    below.bar(
        [part.lower for part in filled],
        [part.count / n_answers for part in filled],
        width=[part.upper - part.lower for part in filled],
        align="edge",
        color=GREY,
        edgecolor="white",
    )
    below.set(xlabel="confidence: probability of the answer", ylabel="share of answers", xlim=(0, 1))
    for axes in (above, below):
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.spines[["top", "right"]].set_visible(False)
    return picture_bytes(figure)


def _names(classes: tuple[str, ...], points: float) -> list[str]:
    """Names of the rows and columns; empty if there are too many, which leaves Matplotlib's numbers."""
    if len(classes) > MOST_CLASSES_WITH_NAMES:
        return []
    return [shortened(name, WIDEST_NAME, points) for name in classes]


def _write_names(axes: Axes, names: list[str], points: float, has_counts: bool) -> None:
    if not names:
        return
    turn = 45 if has_counts else 90
    axes.set_xticks(range(len(names)), names, rotation=turn, ha="right", va="center", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(labelsize=points, length=3 if has_counts else 1, width=0.5)


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(
                column,
                row,
                str(count),
                ha="center",
                va="center",
                color="white" if shares[row, column] > 0.5 else "black",
                fontsize=10 if count < 10_000 else 8,
                fontweight="bold" if row == column else "normal",
            )


def _draw_reliability(axes: Axes, filled: list[CalibrationBin]) -> None:
    """Draw the accuracy as bars, with hatching between accuracy and confidence."""
    for part in filled:
        accuracy, width = part.accuracy or 0.0, part.upper - part.lower
        gap = (part.confidence or 0.0) - accuracy
        alpha = FADED if part.count < FEW_ANSWERS else 1
        axes.bar(part.lower, accuracy, width, align="edge", edgecolor="white", facecolor=LIGHT_BLUE, alpha=alpha)
        axes.bar(part.lower, gap, width, accuracy, align="edge", alpha=alpha, **GAP)
    axes.plot((0, 1), (0, 1), "--", color=BLUE, linewidth=1.5)
    axes.set(ylabel="share of right answers", ylim=(0, 1))


def _legend(filled: list[CalibrationBin]) -> list[Artist]:
    entries: list[Artist] = [
        Patch(facecolor=LIGHT_BLUE, label="right answers"),
        Patch(label="gap to the confidence", **GAP),
        Line2D([], [], linestyle="--", color=BLUE, linewidth=1.5, label="perfect calibration"),
    ]
    if any(part.count < FEW_ANSWERS for part in filled):
        entries.append(Patch(facecolor=LIGHT_BLUE, alpha=FADED, label=f"faded: fewer than {FEW_ANSWERS} answers"))
    return entries
