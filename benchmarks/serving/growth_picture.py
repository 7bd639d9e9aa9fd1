"""Draws what `benchmarks.serving.growth` has measured: `docs/pictures/serving-growth.png`.

python -m benchmarks.serving.growth_picture
"""

import json
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.serving.growth import RESULTS
from tests.paths import PROJECT
from worker.pictures.colours import BLUE, ORANGE
from worker.pictures.drawing import new_figure, picture_bytes

PICTURE = PROJECT / "docs" / "pictures" / "serving-growth.png"
Rows = list[dict[str, Any]]


def main() -> None:
    """Draw all curves beside each other."""
    found = json.loads(RESULTS.read_text())
    figure = new_figure(10, 5.6, layout="constrained")
    (pictures, connections, sizes), (latency, memory, processes) = figure.subplots(2, 3)
    rows = found["pictures"]
    png, tensor = ([row[name] / 1000 for row in rows] for name in ("png_us", "tensor_us"))
    numbers = [row["pictures"] for row in rows]
    _draw_two(pictures, numbers, "pictures in a request", ("PNGs in a form", png), ("binary tensor", tensor))
    pictures.set_title("Pictures", fontsize=10)
    _draw_one(connections, found["connections"], "connections", "us", "µs per request")
    connections.set_title("Connections, one PNG in each request", fontsize=10)
    rows = found["sizes"]
    png, jpeg = ([row[name] for row in rows] for name in ("png_ms", "jpeg_ms"))
    _draw_two(sizes, [row["side"] for row in rows], "pixels on a side", ("PNG", png), ("JPEG", jpeg))
    sizes.tick_params("x", labelrotation=40)
    sizes.set_title("Size of a picture", fontsize=10)
    _draw_one(latency, found["models"], "models", "us", "µs per request")
    latency.set_title("Models asked in turn", fontsize=10)
    _draw_one(memory, found["models"], "models", "pss_mb", "MB of memory")
    memory.set_title("Models in memory", fontsize=10)
    _draw_processes(processes, found["processes"])
    PICTURE.write_bytes(picture_bytes(figure))


def _draw_two(
    axes: Axes, across: list[int], label: str, png: tuple[str, list[float]], other: tuple[str, list[float]]
) -> None:
    """Two curves of milliseconds on axes with equal steps for equal factors, each with its name."""
    axes.plot(across, png[1], "o-", color=BLUE, label=png[0])
    axes.plot(across, other[1], "s--", color=ORANGE, label=other[0])
    _double(axes, across, label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylabel("ms per request")
    axes.legend(fontsize=8)


def _draw_one(axes: Axes, rows: Rows, across: str, figure: str, label: str) -> None:
    numbers = [row[across] for row in rows]
    axes.plot(numbers, [row[figure] for row in rows], "o-", color=BLUE)
    if figure == "pss_mb":  # a straight line, which a logarithmic axis would bend
        axes.set_xlabel("models")
        axes.set_xticks([1, 16, 32, 64])
    else:
        _double(axes, numbers, across)
    axes.set_ylim(0, 1.15 * max(row[figure] for row in rows))
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)


def _draw_processes(axes: Axes, rows: Rows) -> None:
    numbers = [row["processes"] for row in rows]
    axes.bar(numbers, [row["many_per_s"] for row in rows], 0.5, color=BLUE)
    axes.set_xticks(numbers)
    axes.set_xlabel("API processes on two cores")
    axes.set_ylabel("requests per second")
    axes.set_title("API processes, 64 PNGs in each request", fontsize=10)


def _double(axes: Axes, numbers: list[int], label: str) -> None:
    """An axis on which doubling is always the same step."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [str(number) for number in numbers], fontsize=8)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
