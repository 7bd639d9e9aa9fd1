"""Draws a run's accuracy and loss side by side: `python -m worker.curves png < history.json > curves.png`.

The trainer calls `draw_curves`; the API, which must not import matplotlib, runs this module as a process of its own.
"""

import io
import sys
from collections.abc import Callable
from typing import Literal

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from worker.records import History

Format = Literal["png", "svg"]

# Okabe and Ito's colour-blind safe palette (2008).
TRAINING_COLOUR = "#E69F00"
VALIDATION_COLOUR = "#0072B2"


def draw_curves(history: History, title: str, picture_format: Format = "png") -> bytes:
    """Accuracy and loss per epoch, training dashed and validation solid, the best epoch marked.

    Args:
        history: any number of finished epochs, none included.
        title: written above the panels.
        picture_format: of the bytes returned.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=13)
    _draw_panel(left, "accuracy", history.accuracy, history.val_accuracy, best=max)
    _draw_panel(right, "loss", history.loss, history.val_loss, best=min)
    left.legend(loc="lower right", frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=picture_format)
    plt.close(figure)
    return buffer.getvalue()


def _draw_panel(
    axes: Axes,
    name: str,
    training: tuple[float, ...],
    validation: tuple[float, ...],
    best: Callable[[tuple[float, ...]], float],
) -> None:
    epochs = range(1, len(training) + 1)
    axes.plot(epochs, training, "--", marker=".", color=TRAINING_COLOUR, label="training")
    axes.plot(epochs, validation, "-", marker=".", color=VALIDATION_COLOUR, label="validation")
    if validation:
        value = best(validation)
        epoch = validation.index(value) + 1
        axes.plot(epoch, value, "o", markersize=11, fillstyle="none", color=VALIDATION_COLOUR)
        axes.set_title(f"{name}: best validation {value:.4f} in epoch {epoch}", fontsize=11)
    else:
        axes.set_title(f"{name}: no epoch has ended yet", fontsize=11)
        axes.set(xlim=(1, 2), yticks=[])
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Entry point: format and title as arguments, a history as JSON in, a picture out."""
    picture_format: Format = "svg" if sys.argv[1] == "svg" else "png"
    history = History.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(draw_curves(history, sys.argv[2], picture_format))


if __name__ == "__main__":
    main()
