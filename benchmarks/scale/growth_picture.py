"""Draws what `benchmarks.scale.growth` has measured: `docs/pictures/growth.png`.

python -m benchmarks.scale.growth_picture
"""

import json
from typing import Any

from matplotlib.axes import Axes

from benchmarks.scale.growth import RESULTS
from tests.paths import PROJECT
from worker.pictures.colours import BLUE, GREEN, ORANGE
from worker.pictures.drawing import new_figure, picture_bytes

PICTURE = PROJECT / "docs" / "pictures" / "growth.png"
PARTS = [
    ("workers", "worker's own processes", BLUE, "o-"),
    ("api", "APIs", ORANGE, "s--"),
    ("redis", "Redis", GREEN, "^:"),
]


def main() -> None:
    """Draw both curves beside each other."""
    found = json.loads(RESULTS.read_text())
    figure = new_figure(8.5, 3.2, layout="constrained")
    jobs, predictions = figure.subplots(1, 2)
    _draw_jobs(jobs, found["workers"])
    _draw_predictions(predictions, found["apis"])
    PICTURE.write_bytes(picture_bytes(figure))


def _draw_jobs(axes: Axes, rows: list[dict[str, Any]]) -> None:
    numbers = [row["workers"] for row in rows]
    for part, name, colour, style in PARTS:
        axes.plot(numbers, [row["ms_per_running_s"][part] for row in rows], style, color=colour, label=name)
    axes.set_title("A running job, besides its trainer", fontsize=10)
    axes.set_ylabel("ms of processor time per second")
    _count_in(axes, numbers, "workers")
    axes.legend(fontsize=8)


def _draw_predictions(axes: Axes, rows: list[dict[str, Any]]) -> None:
    numbers = [row["apis"] for row in rows]
    axes.plot(numbers, [row["predictions_per_cpu_s"] for row in rows], "o-", color=BLUE)
    axes.set_title("Predictions", fontsize=10)
    axes.set_ylabel("for each second of processor time")
    _count_in(axes, numbers, "API processes")


def _count_in(axes: Axes, numbers: list[int], what: str) -> None:
    axes.set_xlabel(what)
    axes.set_xticks(numbers)
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
