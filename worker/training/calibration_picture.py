"""The reliability diagram: a picture of the calibration in `evaluation.json`. Takes numbers, returns PNG bytes."""

from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from worker.pictures.colours import BLUE, GREY, VERMILLION
from worker.pictures.drawing import new_figure, picture_bytes, shortened
from worker.training.calibration import Calibration, CalibrationBin

DPI = 100
LIGHT_BLUE = "#9CCBE6"
FEW_ANSWERS, FADED = 30, 0.3  # with so few, the accuracy is uncertain by about nine percentage points
LAYOUT = {"left": 0.123, "right": 0.96, "bottom": 0.177, "top": 0.9, "hspace": 0.124}
"""What Matplotlib's constrained layout finds for every calibration: it takes as long as drawing does."""
GAP: dict[str, Any] = {"facecolor": "none", "edgecolor": VERMILLION, "hatch": "///", "linewidth": 1}


def draw_calibration(calibration: Calibration, subject: str) -> bytes:
    """The reliability diagram as PNG: accuracy and number of predictions for each range of confidence.

    The accuracy of a few predictions is mostly chance, so their bars are faded.

    Args:
        calibration: calibration of a network on a test split.
        subject: the network and the dataset, for the heading.
    """
    figure = new_figure(6.0, 6.8, dpi=DPI)
    figure.suptitle(shortened(subject, 5.7, 13), fontsize=13)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw=LAYOUT)
    above.set_title(
        f"mean confidence {calibration.confidence:.3f}, expected calibration error {calibration.expected_error:.3f}",
        fontsize=11,
    )
    filled = [part for part in calibration.bins if part.count]
    _draw_reliability(above, filled)
    figure.legend(handles=_legend(filled), loc="lower center", borderaxespad=0.5, ncols=2, frameon=False)
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
