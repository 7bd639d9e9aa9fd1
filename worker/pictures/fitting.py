"""From a decoded picture to the pixels that a model takes: mode, crop, size, orientation, background.

Large pictures are never copied as a whole where that can be avoided: what is done with all pixels is done first to the
small picture.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.pictures.simple_png import raw_pixels

ROWS_AT_ONCE = 64
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to the operation that turns the picture upright; from 5 on, width and height are swapped."""


def in_shape(picture: Image.Image, turn: int, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The picture as a model takes it.

    Args:
        picture: in any mode, as it is stored.
        turn: its orientation, 1 to 8.
        image_shape: height, width and channels of the model.

    Returns:
        uint8, of the given shape, C-contiguous, values 0-255.
    """
    height, width, channels = image_shape
    flat = _flatten(_fit(_in_resizable_mode(picture), (width, height), turn), "L" if channels == 1 else "RGB")
    return np.frombuffer(raw_pixels(flat), np.uint8).reshape(image_shape)


def whole_shape(picture: Image.Image, turn: int, max_side: int) -> tuple[int, int, int]:
    """Height, width and channels of a picture that is turned upright and reduced to a longest side, not cropped.

    Args:
        picture: in any mode, as it is stored.
        turn: its orientation, 1 to 8.
        max_side: longest side, in pixels.
    """
    width, height = picture.size if turn < 5 else picture.size[::-1]
    scale = min(1.0, max_side / max(width, height))
    is_grey = picture.mode in {"1", "L", "LA", "F"} or picture.mode.startswith("I")
    return max(1, round(height * scale)), max(1, round(width * scale)), 1 if is_grey else 3


def _in_resizable_mode(picture: Image.Image) -> Image.Image:
    """The picture as "L", "RGB" or "RGBA", the modes that are resized without loss."""
    if picture.mode.startswith("I"):
        return _to_eight_bits(picture)
    if picture.mode in {"L", "RGB", "RGBA"} and (picture.mode == "RGBA" or not picture.has_transparency_data):
        return picture  # `convert` would copy it
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey, which Pillow would clip, to 8 bits; the transparent value becomes white."""
    transparent = picture.info.get("transparency")
    values = np.empty((picture.height, picture.width), np.uint8)
    for top in range(0, picture.height, ROWS_AT_ONCE):  # as a whole, 24 million pixels took 320 MB in between
        bottom = min(top + ROWS_AT_ONCE, picture.height)
        deep = np.asarray(picture.crop((0, top, picture.width, bottom))).astype(np.uint32).clip(max=0xFFFF)
        values[top:bottom] = (deep * 255 + 0x807F) >> 16  # rounds exactly, like libpng's PNG_DIV257
        if transparent is not None:
            values[top:bottom][deep == transparent] = 255
    return Image.fromarray(values)


def _fit(picture: Image.Image, size: tuple[int, int], turn: int) -> Image.Image:
    """Crop and resize, then turn upright, to `size` (width, height): turning the small picture is cheap."""
    target = size[::-1] if turn >= 5 else size
    if picture.size != target:
        box = _centre_box(picture.size, target)
        picture = picture.resize(target, Image.Resampling.BILINEAR, box=box)
    return picture.transpose(TURNS[turn]) if turn in TURNS else picture


def _flatten(picture: Image.Image, mode: str) -> Image.Image:
    """Add a white background, then make it grey or coloured: last, because the picture is small by then."""
    if picture.mode == "RGBA":
        layer, picture = picture, Image.new("RGB", picture.size, "white")
        picture.paste(layer, mask=layer)
    return picture if picture.mode == mode else picture.convert(mode)


def _centre_box(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest part around the centre that has the target's aspect ratio: left, top, right, bottom."""
    (width, height), (target_width, target_height) = size, target
    scale = min(width / target_width, height / target_height)
    left = max(0.0, (width - target_width * scale) / 2)
    top = max(0.0, (height - target_height * scale) / 2)
    return left, top, width - left, height - top
