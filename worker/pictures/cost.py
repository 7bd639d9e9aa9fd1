"""What decoding a picture costs, told from its header: memory, and work from which its seconds are expected.

A file of 34 bytes may declare 24 million pixels, and a photo of 50 million pixels decodes in the memory of one million:
neither the file's size nor the number of pixels says what a picture costs. The figures were measured with Pillow 13 on
pictures of 24 million pixels.
"""

import math
from typing import NamedTuple

from worker.pictures.headers import (
    JpegFrame,
    jpeg_frame,
    jpeg_scans,
    picture_format,
    picture_size,
    png_header,
    webp_has_alpha,
)

DRAFT_FACTOR = 16
"""A JPEG is decoded at a half or a quarter while that leaves this many times the model's size. Measured
against a full decode of 67 photographs at 32 x 32: 0.02 grey levels apart on average, 0.5 in the worst photograph."""
EIGHTH_FACTOR = 8
"""At an eighth it is decoded while that leaves so many times the model's size: decoding 12 million pixels takes 26 ms
then, and 31 at a quarter. For a model of 32 x 32 a photograph of that size is 0.08 levels away from a full decode on
average, and 0.04 at a quarter; no pixel more than 1."""
LEAST_DRAFT_FACTOR = 2
MOST_WHOLE_PIXELS = 24_000_000
"""A JPEG that would still have more pixels is reduced further, while that leaves `LEAST_DRAFT_FACTOR` times the model's
size."""
WEBP_BYTES = 16
"""Memory per pixel: the decoder's two canvases, their copy, and the picture."""
_FACTORS = ((8, EIGHTH_FACTOR), (4, DRAFT_FACTOR), (2, DRAFT_FACTOR))
_ALPHA_BYTES = 4
"""Resizing a transparent picture first multiplies all of it with its transparency."""
_COEFFICIENT_BYTES = 2
_PER_FILE_BYTE = 4
"""Work of a byte of the file, where that of a pixel is 1: entropy decoding."""
_PNG_BYTES = {0: 1, 2: 4, 3: 5, 4: 8, 6: 4}
"""Memory per pixel by colour type: grey, RGB, palette and its colours, grey with alpha as two RGBA pictures, RGBA."""
_BMP_BYTES = {1: 2, 4: 5, 8: 5, 16: 4, 24: 4}


class Cost(NamedTuple):
    """What decoding a picture takes.

    Attributes:
        kind: pictures of one kind take about the same time for the same work.
        width: as the header says, in pixels, like `height`.
        pixels: in the size in which it is decoded.
        memory_bytes: held at most while it is decoded, without the file.
        work: has no unit.
    """

    kind: str
    width: int
    height: int
    pixels: int
    memory_bytes: int
    work: int

    def of_nothing(self) -> "Cost":
        """The cost of refusing it by its header."""
        return self._replace(pixels=0, memory_bytes=0, work=0)


def picture_cost(data: bytes, image_shape: tuple[int, int, int]) -> Cost:
    """The cost of decoding a picture file into the shape of a model; 0 for bytes that are no picture.

    Args:
        data: the whole file; nothing is decoded.
        image_shape: height, width and channels of the model.
    """
    kind = picture_format(data)
    if kind == "JPEG":
        frame = jpeg_frame(data)
        return _untold("JPEG") if frame is None else _jpeg_cost(data, frame, image_shape)
    width, height = picture_size(data)
    if kind is None:
        return Cost("none", 0, 0, 0, 0, 0)
    per_pixel = _BYTES_PER_PIXEL[kind](data)
    memory = width * height * per_pixel
    work = width * height if kind == "WEBP" else memory + _PER_FILE_BYTE * len(data)
    return Cost(kind, width, height, width * height, memory, work)


def is_costly(data: bytes) -> bool:
    """Whether decoding takes longer than the number of pixels suggests."""
    kind = picture_format(data)
    if kind == "JPEG":
        frame = jpeg_frame(data)
        return frame is None or frame.is_buffered
    return kind == "WEBP"


def jpeg_scale(width: int, height: int, image_shape: tuple[int, int, int]) -> int:
    """By how much a JPEG is reduced while it is decoded: 1, 2, 4 or 8.

    Pictures of up to `MOST_WHOLE_PIXELS` keep `DRAFT_FACTOR` or `EIGHTH_FACTOR` times the size of the model; larger
    ones may keep less.
    """
    side, shorter = max(image_shape[:2]), min(width, height)
    scale = next((scale for scale, factor in _FACTORS if shorter // (factor * side) >= scale), 1)
    while scale < 8 and width * height > MOST_WHOLE_PIXELS * scale**2:
        if shorter // (2 * scale) < LEAST_DRAFT_FACTOR * side:
            break
        scale *= 2
    return scale


def _jpeg_cost(data: bytes, frame: JpegFrame, image_shape: tuple[int, int, int]) -> Cost:
    pixels = frame.width * frame.height
    reduced = math.ceil(pixels / jpeg_scale(frame.width, frame.height, image_shape) ** 2)
    memory = reduced * {1: 1, 4: 8}.get(frame.components, 4)
    if not frame.is_buffered:
        work = pixels + 4 * reduced + _PER_FILE_BYTE * len(data)
        return Cost("JPEG", frame.width, frame.height, reduced, memory, work)
    # Coefficients are kept in full size, and every scan walks through them.
    samples = round(pixels * frame.samples)
    work = samples * max(1, jpeg_scans(data)) + 4 * reduced + _PER_FILE_BYTE * len(data)
    kind = "progressive JPEG"
    return Cost(kind, frame.width, frame.height, pixels, memory + _COEFFICIENT_BYTES * samples, work)


def _png_bytes(data: bytes) -> int:
    header = png_header(data)
    per_pixel = _PNG_BYTES.get(header.colour, 4)
    if header.depth == 16 and header.colour == 0:
        return 3  # 16 bits, then 8
    if header.depth == 1 and header.colour == 0:
        per_pixel = 2  # one bit takes a byte, then 8 bits do
    if header.has_transparency:
        return per_pixel + 4 + _ALPHA_BYTES
    return per_pixel + (_ALPHA_BYTES if header.colour in (4, 6) else 0)


def _webp_bytes(data: bytes) -> int:
    return WEBP_BYTES + (_ALPHA_BYTES if webp_has_alpha(data) else 0)


def _bmp_bytes(data: bytes) -> int:
    return _BMP_BYTES.get(int.from_bytes(data[28:30], "little"), 4 + _ALPHA_BYTES)


_BYTES_PER_PIXEL = {"PNG": _png_bytes, "WEBP": _webp_bytes, "BMP": _bmp_bytes}


def _untold(kind: str) -> Cost:
    return Cost(kind, 2**20, 2**20, 2**40, 2**42, 2**42)
