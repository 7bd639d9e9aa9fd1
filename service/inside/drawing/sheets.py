"""Draws maps and kernels: a sheet of tiles for one layer, and an overview of all layers."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.inside.drawing.canvas import GREY, MARGIN, SMALL, TIMES, Canvas, fitted, rgb
from service.inside.drawing.colours import Scale, figure
from service.inside.maps import LayerMaps

WIDTH = 880
MOST_TILES = 64
MOST_INPUTS = 16
HEADING = 64
GAP = 6
LABEL = 16
FOOT = 48
ROW, ROW_GAP, ROW_TILES, NAME_WIDTH = 56, 14, 11, 174
MOST_ROWS = 60
SEPARATOR = 160
"""Grey of the lines between the kernels of one filter."""

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def draw_layer(maps: LayerMaps, seen: Pixels, subject: str) -> bytes:
    """All maps of one layer, as PNG.

    Args:
        maps: of the layer.
        seen: uint8, shape (height, width, channels): what the network got.
        subject: the version, for the heading.
    """
    values = np.nan_to_num(maps.values)
    if values.ndim == 1:
        values = values[np.newaxis, np.newaxis]
    scale = Scale(values)
    shown = min(MOST_TILES, values.shape[2])
    tiles = [(str(channel), scale.paint(values[:, :, channel])) for channel in range(shown)]
    layer = maps.layer
    title = f"{layer.name}: {_counted(shown, layer.output_shape[-1], 'channel')}, {by(layer.output_shape[:-1])}"
    return _tiles(tiles, f"{subject} · maps of one picture", title, scale, rgb(seen))


def draw_kernels(values: Values, layer: str, subject: str) -> bytes:
    """The kernels of a layer, as PNG: in colour where they take red, green and blue, else one tile per input channel.

    Args:
        values: shape (height, width, channels, filters).
        layer: its name.
        subject: the version, for the heading.
    """
    height, width, n_channels, n_filters = values.shape
    values = np.nan_to_num(values)
    scale = Scale(values)
    title = f"{layer}: {_counted(min(MOST_TILES, n_filters), n_filters, 'filter')}, {height} {TIMES} {width}"
    if n_channels == 3:
        bright = scale.high or 1.0
        colours = ((values / bright + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
        tiles = [(str(at), colours[:, :, :, at]) for at in range(min(MOST_TILES, n_filters))]
        note = f"red, green and blue weights: grey is 0, and full colour {figure(bright)}"
        return _tiles(tiles, f"{subject} · kernels", f"{title}; {note}", None, None)
    if n_channels == 1:
        tiles = [(str(at), scale.paint(values[:, :, 0, at])) for at in range(min(MOST_TILES, n_filters))]
    else:
        shown = min(MOST_INPUTS, n_channels)
        title += f"; each from top to bottom over {_counted(shown, n_channels, 'input channel')}"
        tiles = [
            (str(at), _stacked([scale.paint(values[:, :, channel, at]) for channel in range(shown)]))
            for at in range(min(MOST_TILES, n_filters))
        ]
    return _tiles(tiles, f"{subject} · kernels", title, scale, None)


def draw_overview(layers: Sequence[LayerMaps], seen: Pixels, answer: str, subject: str) -> bytes:
    """What every layer makes of a picture, one row per layer, as PNG.

    Args:
        layers: from the first to the last.
        seen: uint8, shape (height, width, channels): what the network got.
        answer: the network's answer, in words.
        subject: the version, for the heading.
    """
    shown = [maps for maps in layers if maps.layer.type not in {"dropout", "flatten"}]
    rows = _fewer(shown)
    top = HEADING + 120
    canvas = Canvas(WIDTH, top + len(rows) * (ROW + ROW_GAP) + MARGIN)
    chosen = "" if len(rows) == len(shown) else f", {len(rows)} of {len(shown)} layers"
    canvas.text(MARGIN, 12, f"{subject} · from the picture to the answer{chosen}", most=WIDTH - 2 * MARGIN)
    note = f"Each row is a layer on its own scale, with its first {ROW_TILES} channels. Dark blue to yellow: 0 and up."
    canvas.text(MARGIN, 36, f"{note} With orange, blue is negative.", size=SMALL, colour=GREY)
    pixels = fitted(rgb(seen), 104)
    canvas.picture(MARGIN, HEADING, pixels)
    canvas.frame(MARGIN, HEADING, pixels.shape[1], pixels.shape[0])
    canvas.text(NAME_WIDTH + MARGIN, HEADING + 26, "the network got this picture and says:", size=SMALL, colour=GREY)
    canvas.text(NAME_WIDTH + MARGIN, HEADING + 46, answer, size=20, most=WIDTH - NAME_WIDTH - 2 * MARGIN)
    for row, maps in enumerate(rows):
        _draw_row(canvas, maps, top + row * (ROW + ROW_GAP))
    return canvas.png()


def _fewer(layers: Sequence[LayerMaps]) -> Sequence[LayerMaps]:
    """Of a deep network, the layers in which all paths meet, and those behind them; the last one is always there."""
    if len(layers) <= MOST_ROWS:
        return layers
    met = [maps for maps in layers if maps.layer.is_explainable or maps.values.ndim == 1 or maps is layers[0]]
    if len(met) <= MOST_ROWS:
        return met
    return [met[at] for at in np.linspace(0, len(met) - 1, MOST_ROWS).astype(int)]


def by(shape: Sequence[int]) -> str:
    """A shape in words, such as 28 times 28; of a vector, `one value each`."""
    return f" {TIMES} ".join(map(str, shape)) or "one value each"


def _draw_row(canvas: Canvas, maps: LayerMaps, top: int) -> None:
    layer, values = maps.layer, np.nan_to_num(maps.values)
    canvas.text(MARGIN, top + 8, layer.name, most=NAME_WIDTH - 8)
    canvas.text(MARGIN, top + 28, by(layer.output_shape), size=SMALL, colour=GREY)
    scale = Scale(values)
    left = MARGIN + NAME_WIDTH
    if values.ndim == 1:
        most = WIDTH - left - MARGIN
        cell = max(1, min(ROW // 2, most // len(values)))
        strip = scale.paint(values[: most // cell])[np.newaxis].repeat(cell, axis=1).repeat(ROW // 2, axis=0)
        canvas.picture(left, top + ROW // 4, strip)
        canvas.frame(left, top + ROW // 4, strip.shape[1], strip.shape[0])
        return
    for channel in range(min(ROW_TILES, values.shape[2])):
        tile = fitted(scale.paint(values[:, :, channel]), ROW)
        canvas.picture(left, top + (ROW - tile.shape[0]) // 2, tile)
        left += ROW + GAP - 2


def _tiles(
    tiles: Sequence[tuple[str, Pixels]], subject: str, title: str, scale: Scale | None, seen: Pixels | None
) -> bytes:
    """A heading, the tiles in rows with their numbers, and the scale at the foot."""
    left = MARGIN + (136 if seen is not None else 0)
    columns = _columns([pixels.shape[0] / pixels.shape[1] for _, pixels in tiles])
    side = (WIDTH - left - MARGIN + GAP) // columns - GAP
    drawn = [(label, _of_width(pixels, min(side, 160))) for label, pixels in tiles]
    side = min(side, 160)
    rows = [drawn[start : start + columns] for start in range(0, len(drawn), columns)]
    heights = [max(pixels.shape[0] for _, pixels in row) + LABEL + GAP for row in rows]
    canvas = Canvas(WIDTH, HEADING + max(sum(heights), 120 if seen is not None else 0) + (FOOT if scale else MARGIN))
    canvas.text(MARGIN, 12, subject, most=WIDTH - 2 * MARGIN)
    canvas.text(MARGIN, 36, title, size=SMALL, colour=GREY, most=WIDTH - 2 * MARGIN)
    if seen is not None:
        shown = fitted(seen, 112)
        canvas.picture(MARGIN, HEADING, shown)
        canvas.frame(MARGIN, HEADING, shown.shape[1], shown.shape[0])
    top = HEADING
    for row, height in zip(rows, heights, strict=True):
        for column, (label, pixels) in enumerate(row):
            at = left + column * (side + GAP)
            canvas.picture(at, top, pixels)
            canvas.frame(at, top, pixels.shape[1], pixels.shape[0])
            canvas.centred(at + pixels.shape[1] / 2, top + pixels.shape[0] + 1, label)
        top += height
    if scale is not None:
        zero = "" if scale.low >= 0 else " · white is 0"
        canvas.scale(left, top + 4, scale.colours, figure(scale.low), figure(scale.high))
        canvas.text(left + 176, top + 3, f"values, one scale for all tiles{zero}", size=SMALL, colour=GREY)
    return canvas.png()


def _columns(aspects: Sequence[float]) -> int:
    """Columns that make a sheet of tiles about as wide as high, or wider."""
    if max(aspects) > 2:
        return max(4, min(16, len(aspects)))
    return max(4, min(16, math.ceil(math.sqrt(len(aspects) * 1.6 * max(aspects)))))


def _of_width(pixels: Pixels, width: int) -> Pixels:
    """Pixels enlarged by a whole factor to at most this width, or reduced to it."""
    factor = width // pixels.shape[1]
    return fitted(pixels, max(1, factor) * max(pixels.shape[:2]) if factor else width)


def _stacked(pictures: Sequence[Pixels]) -> Pixels:
    """Pictures below each other, three times as large, with a grey line between them: white would look like 0."""
    large = [picture.repeat(3, axis=0).repeat(3, axis=1) for picture in pictures]
    line = np.full((1, large[0].shape[1], 3), SEPARATOR, np.uint8)
    return np.concatenate([part for picture in large for part in (picture, line)][:-1])


def _counted(shown: int, n_all: int, noun: str) -> str:
    plural = noun if n_all == 1 else f"{noun}s"
    return f"{n_all} {plural}" if shown == n_all else f"the first {shown} of {n_all} {plural}"
