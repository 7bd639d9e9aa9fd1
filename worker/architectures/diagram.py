"""Draws a network as SVG: a box per layer with its shape, branches side by side. Text in, text out; no library.

Layers go from top to bottom. A box says what the layer is, what it does, what comes out and how many parameters it has;
its colour only repeats the kind. Everything is laid out in pixels on paper first, then written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

from worker.architectures.analysis import Analysis, LayerRow
from worker.architectures.description import Architecture
from worker.architectures.grammar import Branches, Layer, Residual
from worker.architectures.layer_path import RESIZING_INDEX
from worker.architectures.layer_words import words_of

BOX_WIDTH, BOX_HEIGHT = 212, 58
DOWN, ACROSS, MARGIN, HEADING = 20, 22, 20, 58
LETTERS = 36
"""In the widest line of a box."""
COLOURS = {
    "conv": "#cfe3f2",
    "pool": "#fbe3bd",
    "dense": "#cdebdd",
    "join": "#f6d5c1",
    "other": "#ececec",
}
EDGE = "#555555"


@dataclass
class _Box:
    """One drawn box; x is its middle, y its top."""

    title: str
    lines: tuple[str, str]
    kind: str
    x: float = 0.0
    y: float = 0.0


@dataclass
class _Drawing:
    """Boxes and lines of a part of the network; it is entered in the middle of the top, and left at the bottom."""

    width: float
    height: float
    boxes: list[_Box] = field(default_factory=list)
    lines: list[tuple[float, float, float, float]] = field(default_factory=list)

    def place(self, other: "_Drawing", x: float, y: float) -> None:
        """Take over another drawing, with its left upper corner at a place."""
        for box in other.boxes:
            self.boxes.append(_Box(box.title, box.lines, box.kind, box.x + x, box.y + y))
        self.lines += [(x1 + x, y1 + y, x2 + x, y2 + y) for x1, y1, x2, y2 in other.lines]


def draw_diagram(architecture: Architecture, analysis: Analysis, title: str) -> str:
    """A network as an SVG document.

    Args:
        architecture: the description.
        analysis: its layer table, for some pictures and classes.
        title: written above the network.
    """
    rows = iter(analysis.layers)
    shape = "x".join(map(str, analysis.input_shape))
    parts = [_single(_Box("pictures", (shape, "values from 0 to 1"), "other"))]
    if analysis.layers[0].index == RESIZING_INDEX:
        row = next(rows)
        parts.append(_single(_Box("resizing", ("bilinear", _outcome(row)), "other")))
    parts.append(_sequence(architecture.layers, rows))
    network = _stacked(parts)
    heading = f"{analysis.parameters:,} parameters, {analysis.flops:,} FLOPs for one picture"
    return _document(network, title, heading)


def _sequence(layers: Sequence[Layer], rows: Iterator[LayerRow]) -> _Drawing:
    """Layers one below the other; takes their rows in the order of the table."""
    return _stacked([_part(layer, rows) for layer in layers])


def _part(layer: Layer, rows: Iterator[LayerRow]) -> _Drawing:
    match layer:
        case Branches():
            parts = [_sequence(branch, rows) for branch in layer.branches]
            return _joined(parts, _Box("concatenate", ("on channels", _outcome(next(rows))), "join"))
        case Residual():
            parts = [_sequence(layer.layers, rows), _sequence(layer.shortcut or (), rows)]
            return _joined(parts, _Box("add", ("to what came in", _outcome(next(rows))), "join"))
        case _:
            row = next(rows)
            words = words_of(layer)
            return _single(_Box(words.title, (words.detail, _outcome(row)), words.kind))


def _outcome(row: LayerRow) -> str:
    shape = "x".join(map(str, row.output_shape))
    return f"{shape}, {row.parameters:,} parameters" if row.parameters else shape


def _single(box: _Box) -> _Drawing:
    box.x = BOX_WIDTH / 2
    return _Drawing(BOX_WIDTH, BOX_HEIGHT, [box])


def _stacked(parts: Sequence[_Drawing]) -> _Drawing:
    """Parts below each other, with a line between them. No part at all is a line: what comes in goes out."""
    if not parts:
        return _Drawing(BOX_WIDTH / 4, BOX_HEIGHT, [], [(BOX_WIDTH / 8, 0, BOX_WIDTH / 8, BOX_HEIGHT)])
    width = max(part.width for part in parts)
    whole = _Drawing(width, sum(part.height for part in parts) + DOWN * (len(parts) - 1))
    y = 0.0
    for number, part in enumerate(parts):
        if number:
            whole.lines.append((width / 2, y - DOWN, width / 2, y))
        whole.place(part, (width - part.width) / 2, y)
        y += part.height + DOWN
    return whole


def _joined(parts: Sequence[_Drawing], end: _Box) -> _Drawing:
    """Parts side by side that begin at one point and end in one box."""
    width = max(sum(part.width for part in parts) + ACROSS * (len(parts) - 1), BOX_WIDTH)
    inner = max(part.height for part in parts)
    whole = _Drawing(width, inner + 2 * DOWN + BOX_HEIGHT)
    x = (width - sum(part.width for part in parts) - ACROSS * (len(parts) - 1)) / 2
    for part in parts:
        middle = x + part.width / 2
        whole.place(part, x, DOWN)
        whole.lines += [
            (width / 2, 0, middle, DOWN),
            (middle, DOWN + part.height, middle, DOWN + inner),
            (middle, DOWN + inner, width / 2, 2 * DOWN + inner),
        ]
        x += part.width + ACROSS
    whole.boxes.append(_Box(end.title, end.lines, end.kind, width / 2, 2 * DOWN + inner))
    return whole


def _document(network: _Drawing, title: str, heading: str) -> str:
    width = max(network.width, 8 * max(len(title), len(heading))) + 2 * MARGIN
    height = network.height + HEADING + MARGIN
    left = (width - network.width) / 2
    shapes = "".join(_line(*line, left) for line in network.lines) + "".join(_box(box, left) for box in network.boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="sans-serif" font-size="12" '
        f'text-anchor="middle"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{width / 2:.0f}" y="24" font-size="16">{escape(title)}</text>'
        f'<text x="{width / 2:.0f}" y="43" fill="{EDGE}">{escape(heading)}</text>{shapes}</svg>\n'
    )


def _line(x1: float, y1: float, x2: float, y2: float, left: float) -> str:
    if (x1, y1) == (x2, y2):
        return ""
    start, end = f"{x1 + left:.1f} {y1 + HEADING:.1f}", f"{x2 + left:.1f} {y2 + HEADING:.1f}"
    return f'<path d="M{start} L{end}" stroke="{EDGE}" stroke-width="1.5"/>'


def _box(box: _Box, left: float) -> str:
    x, y = box.x + left, box.y + HEADING
    texts = ((17, box.title, ' font-weight="bold"'), (33, box.lines[0], ""), (49, box.lines[1], f' fill="{EDGE}"'))
    return (
        f'<rect x="{x - BOX_WIDTH / 2:.1f}" y="{y:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
        f'fill="{COLOURS[box.kind]}" stroke="{EDGE}"/>'
        + "".join(
            f'<text x="{x:.1f}" y="{y + down:.1f}"{style}>{escape(_short(text))}</text>' for down, text, style in texts
        )
    )


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
