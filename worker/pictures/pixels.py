"""Pixels on their way into a model: picture files to uint8, and uint8 to [0, 1].

The only place where pixels are scaled, used by the trainer and by the API, so that the two cannot disagree. Every file
may be hostile. Knows nothing about HTTP and models.
"""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Only these plugins are imported, so that Pillow never searches its forty other formats.
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from worker.pictures.cost import Cost, jpeg_scale, picture_cost
from worker.pictures.fitting import in_shape, whole_shape
from worker.pictures.headers import foreign_format, is_laborious, picture_format
from worker.pictures.orientation import orientation_of
from worker.pictures.raised_instead import RaisedInstead
from worker.pictures.silence import silence_pillow
from worker.pictures.simple_jpeg import read_simple_jpeg, simple_frame_within
from worker.pictures.simple_png import read_equal_pngs, read_simple_png

FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "BMP": "BMP"}
"""The formats that are decoded: Pillow's name, and the name for people."""

EXPECTED = "JPEG, PNG, WebP or BMP"
MOST_WORK = {"progressive JPEG": 3_000_000_000}
"""Of one picture, in the unit of `Cost.work`: about 1.5 s. Without it, a hundred scans of fifty million pixels would
keep a thread busy for half a minute, and no decoding can be interrupted."""

FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Errors that Pillow was seen to raise on damaged files."""

ShapeOf = Callable[[Image.Image, int], tuple[int, int, int]]
"""The shape for a decoded picture and its orientation."""
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2}
_BMP_RUN_LENGTH = (1, 2)


class PictureRejected(Exception):
    """The bytes are not a picture that can be classified.

    Attributes:
        reason: what is wrong, what was expected, what came; fit to be shown to the client.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PictureTooLarge(PictureRejected):
    """More bytes, more pixels or a longer side than allowed."""


class PictureFormatUnsupported(PictureRejected):
    """Perhaps a picture, but of a format that is not decoded here."""


@dataclass(frozen=True)
class PictureLimits:
    """How large a picture may be; checked before anything is decoded.

    Attributes:
        max_bytes: of the file.
        max_pixels: width times height, as the header says.
        max_side: longest side, in pixels.
        max_memory_bytes: held while it is decoded. A JPEG is decoded reduced, so that a photo of 50 million pixels
            takes few; a PNG of that size takes 200 MB, and a WebP 800 MB.
    """

    max_bytes: int
    max_pixels: int = 100_000_000
    max_side: int = 65_535
    max_memory_bytes: int = 400_000_000


def to_unit_range(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale pixels to the range that models are trained and served with.

    Args:
        images: uint8, shape (n, height, width, channels), values 0-255.

    Returns:
        float32, same shape, values in [0, 1].

    Raises:
        TypeError: they are not uint8, and may have been scaled already.
    """
    if images.dtype != np.uint8:
        raise TypeError(f"images cannot be scaled; expected uint8, got {images.dtype}")
    return np.divide(images, np.float32(255))


def decode_picture(data: bytes, image_shape: tuple[int, int, int], limits: PictureLimits) -> NDArray[np.uint8]:
    """Decode a picture file into the shape a model takes.

    The picture is turned upright as its metadata says, gets a white background where it is transparent,
    becomes grey or coloured as the model needs it, is cropped around its centre to the model's aspect ratio and resized
    with antialiasing. A picture of the model's own size keeps its pixels. Of an animation, the first frame is used.

    Args:
        data: the whole file.
        image_shape: height, width and channels; one channel is grey, three are red, green and blue.
        limits: how large the picture may be.

    Returns:
        uint8, of the given shape, C-contiguous, values 0-255.

    Raises:
        PictureTooLarge: it has more bytes or pixels or a longer side than `limits` allow, or takes more memory.
        PictureFormatUnsupported: it is neither JPEG, PNG, WebP nor BMP.
        PictureRejected: it is damaged, cut short, empty, or built to be slow.
        ValueError: `image_shape` has neither one nor three channels.
    """
    if image_shape[2] not in (1, 3):
        raise ValueError(f"pictures cannot take this shape; expected 1 or 3 channels, got {image_shape[2]}")
    kind = _accepted_format(data, limits)
    with _refusing_damage(data, kind, limits):
        if kind == "PNG":
            simple = read_simple_png(data, limits.max_side, limits.max_pixels)
            if simple is not None:
                return in_shape(simple, 1, image_shape)
        elif kind == "JPEG":
            pixels = _simple_jpeg(data, image_shape, limits)
            if pixels is not None:
                return pixels
        return _decode(data, kind, image_shape, limits, lambda _picture, _turn: image_shape)


def _simple_jpeg(data: bytes, image_shape: tuple[int, int, int], limits: PictureLimits) -> NDArray[np.uint8] | None:
    frame = simple_frame_within(data, limits.max_side, limits.max_pixels)
    if frame is None or jpeg_scale(frame.width, frame.height, image_shape) > 1:
        return None
    pixels = read_simple_jpeg(data, frame)
    if pixels is None or pixels.shape == image_shape:
        return pixels
    return in_shape(Image.fromarray(pixels if frame.components == 3 else pixels[:, :, 0]), 1, image_shape)


def decode_whole(data: bytes, max_side: int, limits: PictureLimits) -> NDArray[np.uint8]:
    """Decode a picture file upright and uncropped, grey or coloured as it is, reduced to `max_side` if it is larger.

    Returns:
        uint8, shape (height, width, 1 or 3), C-contiguous, values 0-255.

    Raises:
        PictureRejected: like `decode_picture`.
    """
    kind = _accepted_format(data, limits)
    with _refusing_damage(data, kind, limits):
        shape = (max_side, max_side, 3)
        return _decode(data, kind, shape, limits, lambda picture, turn: whole_shape(picture, turn, max_side))


def _refusing_damage(data: bytes, kind: str, limits: PictureLimits) -> RaisedInstead:
    n_bytes = len(data)
    return RaisedInstead(
        ((Image.DecompressionBombError,), lambda: PictureTooLarge(f"{_too_many_pixels(limits)}, got far more")),
        (
            FAILURES,
            lambda: PictureRejected(
                f"the picture cannot be decoded; expected a whole and undamaged {FORMATS[kind]} file, "
                f"got {n_bytes} bytes that are none"
            ),
        ),
    )


def decode_pictures(
    files: Sequence[bytes], image_shape: tuple[int, int, int], limits: PictureLimits
) -> NDArray[np.uint8]:
    """Decode several picture files like `decode_picture`, fastest when all are simple PNGs of the model's own size.

    Returns:
        uint8, shape (n, *image_shape).

    Raises:
        PictureRejected: one of them cannot be decoded; and whatever else `decode_picture` raises.
    """
    height, width, channels = image_shape
    may_be_alike = max(map(len, files)) <= limits.max_bytes and max(width, height) <= limits.max_side
    if may_be_alike and width * height <= limits.max_pixels:
        mode = "L" if channels == 1 else "RGB"
        with suppress(*FAILURES):  # decoding one by one finds the error again, and names it
            pixels = read_equal_pngs(files, mode, width, height)
            if pixels is not None:
                return pixels
    return np.stack([decode_picture(data, image_shape, limits) for data in files])


def _accepted_format(data: bytes, limits: PictureLimits) -> str:
    if not data:
        raise PictureRejected(f"the picture is empty; expected a {EXPECTED} file, got 0 bytes")
    if len(data) > limits.max_bytes:
        raise PictureTooLarge(
            f"the picture file is too large; expected at most {limits.max_bytes} bytes, got {len(data)}"
        )
    kind = picture_format(data)
    if kind is None:
        raise PictureFormatUnsupported(
            f"not a picture of a supported format; expected {EXPECTED}, got {foreign_format(data)}"
        )
    return kind


def _decode(
    data: bytes, kind: str, image_shape: tuple[int, int, int], limits: PictureLimits, shape_of: ShapeOf
) -> NDArray[np.uint8]:
    """Decode with Pillow for a model of this shape, into the shape that `shape_of` gives the decoded picture."""
    if is_laborious(data, kind):
        raise PictureRejected(
            f"the picture file has too many parts; expected an ordinary {FORMATS[kind]} file, got one built to be slow"
        )
    cost = picture_cost(data, image_shape)
    _check_cost(cost, limits)
    silence_pillow()
    with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
        _check_header(picture, kind, limits)
        _check_honesty(picture, cost)
        if kind == "JPEG":
            scale = jpeg_scale(*picture.size, image_shape)
            picture.draft(None, (max(1, picture.width // scale), max(1, picture.height // scale)))
        picture.load()
        _check_honesty(picture, cost)
        turn = orientation_of(picture.info)
        return in_shape(picture, turn, shape_of(picture, turn))


def is_affordable(cost: Cost, limits: PictureLimits) -> bool:
    """Whether a picture of this cost is decoded, and not refused by its header."""
    try:
        _check_cost(cost, limits)
    except PictureRejected:
        return False
    return True


def _check_cost(cost: Cost, limits: PictureLimits) -> None:
    """Refuse a picture by its header, before Pillow allocates memory for it."""
    _check_size(cost.width, cost.height, limits)
    if cost.memory_bytes > limits.max_memory_bytes:
        raise PictureTooLarge(
            f"decoding the picture takes too much memory; expected at most {limits.max_memory_bytes} bytes, got a "
            f"{cost.kind.replace('WEBP', 'WebP')} of {cost.width} x {cost.height} that takes {cost.memory_bytes}"
        )
    if cost.work > MOST_WORK.get(cost.kind, cost.work):
        raise PictureRejected("the picture file has too many scans for its size; expected an ordinary JPEG file")


def _check_size(width: int, height: int, limits: PictureLimits) -> None:
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise PictureTooLarge(f"{_too_many_pixels(limits)}, got {width} x {height}")


def _check_header(picture: Image.Image, kind: str, limits: PictureLimits) -> None:
    _check_size(*picture.size, limits)
    if kind == "BMP" and picture.info.get("compression") in _BMP_RUN_LENGTH:
        # Pillow unpacks these in Python, which takes seconds per file.
        raise PictureFormatUnsupported("not a BMP of a supported kind; expected it uncompressed, got run lengths")


def _check_honesty(picture: Image.Image, cost: Cost) -> None:
    """Refuse a file whose header says less than Pillow finds, such as a second header or transparency at its end."""
    if cost.kind in {"JPEG", "progressive JPEG"}:
        is_honest = picture.width <= cost.width and picture.height <= cost.height  # reduced, once it is loaded
    else:
        per_pixel = _MODE_BYTES.get(picture.mode, 4) + (
            8 if "transparency" in picture.info and picture.mode != "I;16" else 0
        )
        pixels = picture.width * picture.height
        is_honest = picture.size == (cost.width, cost.height) and cost.memory_bytes >= pixels * per_pixel
    if not is_honest:
        raise PictureRejected("the picture's header contradicts the rest of the file; expected an undamaged file")


def _too_many_pixels(limits: PictureLimits) -> str:
    return (
        f"the picture has too many pixels; expected at most {limits.max_pixels} in all and {limits.max_side} on a side"
    )
