"""Draws a comparison: `python -m worker.comparison.picture png < comparison.json > comparison.png`.

The API, which must not import matplotlib, runs this module as a process of its own.
"""

import sys
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from worker.comparison.compare import Comparison, Run, Setting
from worker.comparison.run_metrics import METRICS
from worker.pictures.colours import GREY
from worker.pictures.drawing import Format, new_figure, picture_bytes, shortened

# M. Petroff, Accessible Color Sequences for Data Visualization (2021): ten colours that colour-blind eyes tell apart.
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
MARKERS = "osD^vP*Xph"
DRAWN_AT_MOST = len(COLOURS)
WIDTH, PANELS_HEIGHT, LINE_HEIGHT, DPI = 10.0, 3.7, 0.23, 110
WORDS_CHARACTERS = 125
LABEL_WIDTH = 5.6
MARKS_PER_LINE = 8
FEW_SETTINGS = 4  # with more settings, the training lines are drawn fainter
BAND = 0.18


def draw_comparison(comparison: Comparison, picture_format: Format = "png") -> bytes:
    """Accuracy and loss per epoch, one colour and marker per setting: validation solid, training dashed.

    With several seeds, lines show the mean, and the band spans the lowest to the highest validation value.

    Args:
        comparison: its first ten settings, which are the best ones, are drawn.
        picture_format: format of the returned bytes.
    """
    shown = comparison.settings[:DRAWN_AT_MOST]
    words = textwrap.wrap(comparison.verdict.text, WORDS_CHARACTERS)
    header = 0.45 + LINE_HEIGHT * len(words)
    runs = {run.job: run for run in comparison.runs}
    notes = _notes(any(sum(bool(runs[job].history.loss) for job in setting.jobs) > 1 for setting in shown))
    footer = 0.15 + LINE_HEIGHT * (len(shown) + len(notes))
    height = header + PANELS_HEIGHT + footer
    figure = new_figure(WIDTH, height, dpi=DPI)
    figure.text(
        0.5, 1 - 0.15 / height, shortened(_title(comparison), WIDTH - 0.4, 13), ha="center", va="top", fontsize=13
    )
    figure.text(0.5, 1 - 0.45 / height, "\n".join(words), ha="center", va="top", fontsize=9.5)
    axes = figure.subplots(1, 2)
    figure.subplots_adjust(
        left=0.07, right=0.985, bottom=(footer + 0.42) / height, top=1 - (header + 0.25) / height, wspace=0.18
    )
    for panel, name in zip(axes, ("accuracy", "loss"), strict=True):
        for number, setting in enumerate(shown):
            _draw_setting(
                panel, name, number, [runs[job] for job in setting.jobs], is_crowded=len(shown) > FEW_SETTINGS
            )
        _finish(panel, name)
    figure.legend(
        handles=[_handle(number, setting, comparison) for number, setting in enumerate(shown)] + notes,
        loc="lower center",
        fontsize=9,
        frameon=False,
        ncols=1,
    )
    return picture_bytes(figure, picture_format)


def _title(comparison: Comparison) -> str:
    n_settings, n_runs = len(comparison.settings), len(comparison.runs)
    counted = f"{n_settings} setting{'s' * (n_settings != 1)}, {n_runs} run{'s' * (n_runs != 1)}"
    if n_settings > DRAWN_AT_MOST:
        counted = f"best {DRAWN_AT_MOST} of {counted}"
    network, dataset = comparison.same.get("architecture"), comparison.same.get("dataset")
    about = " on ".join(str(part) for part in (network, dataset) if part)
    return f"{about}: {counted}" if about else counted.capitalize()


def _draw_setting(panel: Axes, name: str, number: int, runs: Sequence[Run], *, is_crowded: bool) -> None:
    colour = COLOURS[number]
    training = _table([getattr(run.history, name) for run in runs])
    validation = _table([getattr(run.history, f"val_{name}") for run in runs])
    if not validation.size:
        return
    every = -(-validation.shape[1] // MARKS_PER_LINE)
    epochs = np.arange(1, validation.shape[1] + 1)
    if len(validation) > 1:
        lowest, highest = np.nanmin(validation, axis=0), np.nanmax(validation, axis=0)
        panel.fill_between(epochs, lowest, highest, color=colour, alpha=BAND, linewidth=0)
    panel.plot(epochs, np.nanmean(training, axis=0), "--", color=colour, linewidth=1, alpha=0.4 if is_crowded else 0.8)
    panel.plot(
        epochs,
        np.nanmean(validation, axis=0),
        "-",
        color=colour,
        linewidth=1.8,
        marker=MARKERS[number],
        markersize=4.5,
        # The first marker is shifted for each setting, so that markers do not cover each other.
        markevery=(number % every, every),
    )


def _table(series: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Array of runs by epochs, NaN for epochs that a run has not reached. Runs without an epoch are left out."""
    begun = [values for values in series if values]
    table = np.full((len(begun), max(map(len, begun), default=0)), np.nan)
    for row, values in zip(table, begun, strict=True):
        row[: len(values)] = values
    return table


def _finish(panel: Axes, name: str) -> None:
    panel.set_title(name if panel.lines else f"{name}: no epoch has ended yet", fontsize=11)
    if not panel.lines:
        panel.set(xlim=(1, 2), yticks=[])
    panel.set_xlabel("epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def _handle(number: int, setting: Setting, comparison: Comparison) -> Artist:
    label = shortened(setting.label, LABEL_WIDTH, 9)
    return Line2D(
        [],
        [],
        color=COLOURS[number],
        marker=MARKERS[number],
        markersize=5,
        label=f"{label}: {_result(setting, comparison)}",
    )


def _result(setting: Setting, comparison: Comparison) -> str:
    metric = METRICS[comparison.metric]
    spread = setting.metrics.get(comparison.metric)
    if spread is None:
        return "no result yet"
    mean = f"{metric.title} {metric.written(spread.mean)}"
    if spread.deviation is None:
        return f"{mean} (1 run)"
    return f"{mean} ± {metric.difference(spread.deviation)} ({spread.n} seeds)"


def _notes(has_bands: bool) -> list[Artist]:
    """The meaning of lines and bands, as the last entries of the legend."""
    lines = Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="dashed: training, solid: validation")
    if not has_bands:
        return [lines]
    means = "lines: mean of a setting's runs; band: from their lowest to their highest validation"
    return [lines, Patch(facecolor=GREY, alpha=BAND, label=means)]


def main() -> None:
    """Entry point: takes the format as argument, reads a comparison as JSON, writes a picture."""
    picture_format: Format = "svg" if sys.argv[1] == "svg" else "png"
    comparison = Comparison.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(draw_comparison(comparison, picture_format))


if __name__ == "__main__":
    main()
