"""Draws a run's accuracy and loss side by side: `python -m worker.reports.curves png < history.json > curves.png`.

The trainer calls `draw_curves`; the API, which must not import matplotlib, runs this module as a process of its own.
"""

import math
import sys
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from worker.jobs.records import History
from worker.pictures.colours import BLUE, GREEN, GREY, ORANGE
from worker.pictures.drawing import Format, new_figure, picture_bytes, text_width

MOST_EPOCHS_WITH_DOTS = 40
NUMBER_POINTS = 10
# In inches.
WIDTH, EDGE = 10.0, 0.045
ABOVE, BELOW, LOW_PANEL, BETWEEN = 0.507, 0.806, 0.838, 0.132
MOST_MARGIN, NAME_LINE, TICK, POWER_LINE = 1.5, 0.2, 0.145, 0.147
FLAT = 1e-9  # rates that differ by less than this, relative to the largest, count as equal


def draw_curves(history: History, title: str, picture_format: Format = "png", *, is_best_kept: bool = False) -> bytes:
    """Accuracy and loss per epoch, training dashed and validation solid, with the best value and the best epoch marked.

    Two lower panels show the learning rate if it changes. A value that is not finite leaves a gap in its line.

    Args:
        history: any number of finished epochs, also none.
        title: written above the panels.
        picture_format: format of the returned bytes.
        is_best_kept: whether the best epoch is published, as with early stopping.
    """
    has_rates = _varies(history.learning_rate)
    height = 5.3 if has_rates else 4.2
    figure = new_figure(WIDTH, height)
    figure.suptitle(title, fontsize=13, y=1 - EDGE / height)
    panels = figure.subplots(2 if has_rates else 1, 2, sharex=True, squeeze=False)
    _draw_panel(panels[0, 0], "accuracy", history.accuracy, history.val_accuracy, best=max)
    _draw_panel(panels[0, 1], "loss", history.loss, history.val_loss, best=min)
    if has_rates:
        for axes in panels[1]:
            _draw_rates(axes, history.learning_rate)
    for axes in panels.flat:
        _finish(axes, history, "kept epoch" if is_best_kept else "best epoch")
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    _lay_out([list(row) for row in panels], height)
    return picture_bytes(figure, picture_format)


def _lay_out(panels: list[list[Axes]], height: float) -> None:
    """Place the panels, with as much room at their left as the widest number there needs.

    Matplotlib's constrained layout finds the same places by measuring everything twice, which takes a third of the time
    of a drawing.
    """
    top = height - ABOVE
    _place(panels, height, top, MOST_MARGIN)  # how many numbers an axis has depends on its height
    margin = max(_margin(axes) for row in panels for axes in row)
    has_power = any(axes.yaxis.get_major_formatter().get_offset() for axes in panels[0])
    _place(panels, height, top - POWER_LINE if has_power else top, margin)


def _place(panels: list[list[Axes]], height: float, top: float, margin: float) -> None:
    low = (BELOW, BELOW + LOW_PANEL)
    spans = [(low[1] + BETWEEN, top), low] if len(panels) > 1 else [(BELOW, top)]
    for row, (bottom, end) in zip(panels, spans, strict=True):
        for column, axes in enumerate(row):
            left, width = column * WIDTH / 2 + margin, WIDTH / 2 - margin - EDGE
            axes.set_position((left / WIDTH, bottom / height, width / WIDTH, (end - bottom) / height))


def _margin(axes: Axes) -> float:
    """Inches that the numbers and the name of a vertical axis take."""
    axis = axes.yaxis
    numbers = axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs()))
    widest = max((text_width(number, NUMBER_POINTS) for number in numbers), default=0.0)
    return widest + NAME_LINE * len(axes.get_ylabel().splitlines()) + TICK


def _varies(rates: tuple[float, ...]) -> bool:
    return bool(rates) and max(rates) - min(rates) > FLAT * max(rates)


def _draw_panel(
    axes: Axes,
    name: str,
    training: tuple[float, ...],
    validation: tuple[float, ...],
    best: Callable[[list[float]], float],
) -> None:
    _draw_line(axes, training, linestyle="--", color=ORANGE, label="training")
    _draw_line(axes, validation, linestyle="-", color=BLUE, label="validation")
    axes.set_ylabel(name)
    finite = [value for value in validation if math.isfinite(value)]
    if not finite:
        axes.set_title(f"{name}: no epoch has ended yet", fontsize=11)
        axes.set(yticks=[])
        return
    value = best(finite)
    epoch = validation.index(value) + 1
    axes.plot(epoch, value, "o", markersize=11, fillstyle="none", color=BLUE, label="best validation")
    axes.set_title(f"{name}: best validation {value:.4f} in epoch {epoch}", fontsize=11)


def _draw_rates(axes: Axes, rates: tuple[float, ...]) -> None:
    _draw_line(axes, rates, linestyle="-", color=GREEN)
    axes.set_ylabel("learning\nrate")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))


def _draw_line(axes: Axes, values: tuple[float, ...], *, linestyle: str, color: str, label: str | None = None) -> None:
    marker = "." if len(values) <= MOST_EPOCHS_WITH_DOTS else ""
    shown = [value if math.isfinite(value) else math.nan for value in values]
    axes.plot(range(1, len(values) + 1), shown, linestyle=linestyle, marker=marker, color=color, label=label)


def _finish(axes: Axes, history: History, marked: str) -> None:
    n_epochs = len(history.loss)
    if history.best_epoch is not None:
        axes.axvline(history.best_epoch, color=GREY, linestyle=":", linewidth=1.2, zorder=0, label=marked)
    axes.set_xlim(0.5, max(n_epochs, 1) + max(0.03 * n_epochs, 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Entry point: takes format, title and perhaps `kept` as arguments, reads a history as JSON, writes a picture."""
    picture_format: Format = "svg" if sys.argv[1] == "svg" else "png"
    history = History.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(draw_curves(history, sys.argv[2], picture_format, is_best_kept="kept" in sys.argv[3:]))


if __name__ == "__main__":
    main()
