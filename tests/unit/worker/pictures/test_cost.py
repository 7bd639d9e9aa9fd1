"""What a picture costs is known before it is decoded, whatever its file's size says."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.archives import huge_webp
from worker.pictures.cost import jpeg_scale, picture_cost
from worker.pictures.headers import jpeg_frame, picture_size
from worker.pictures.pixels import PictureLimits, PictureRejected, PictureTooLarge, decode_picture

SMALL, MEDIUM = (32, 32, 3), (224, 224, 3)
LIMITS = PictureLimits(max_bytes=10_000_000)
PHONES = [(5712, 4284), (6016, 4016), (8064, 6048), (8160, 6120), (12_000, 3000)]


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(size: tuple[int, int], **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    return encode(Image.new("RGB", size, (9, 99, 199)), "JPEG", **options)


def with_canvas(width: int, height: int) -> bytes:
    extended = encode(Image.new("RGBA", (300, 200), (1, 2, 3, 4)), "WEBP", exif=b"Exif\0\0")
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return extended[:24] + size + extended[30:]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("options", [{"lossless": True}, {}, {"exif": b"Exif\0\0"}], ids=["VP8L", "VP8", "VP8X"])
@pytest.mark.parametrize("size", [(1, 1), (300, 200), (16_383, 1), (3, 16_383)])
def test_a_webp_says_its_size(mode: str, options: dict[str, Any], size: tuple[int, int]) -> None:
    assert picture_size(encode(Image.new(mode, size), "WEBP", **options)) == size


def test_a_webp_of_few_bytes_costs_what_it_declares() -> None:
    data = huge_webp(8192, 2929)
    cost = picture_cost(data, SMALL)
    assert len(data) < 40
    assert (cost.width, cost.height) == (8192, 2929)
    assert cost.memory_bytes == 16 * 8192 * 2929
    with pytest.raises(PictureTooLarge, match="8192 x 2929 that takes 383909888"):
        decode_picture(data, SMALL, PictureLimits(max_bytes=1000, max_memory_bytes=300_000_000))


def test_a_webp_with_a_huge_canvas_is_refused_from_its_header() -> None:
    with pytest.raises(PictureTooLarge, match="16777216 x 16777216"):
        decode_picture(with_canvas(2**24, 2**24), SMALL, LIMITS)


@pytest.mark.parametrize("cut", range(40))
def test_a_webp_cut_short_costs_nothing_more_than_it_says(cut: int) -> None:
    for data in (huge_webp(100, 100), with_canvas(100, 100), encode(Image.new("RGB", (100, 100)), "WEBP")):
        assert picture_cost(data[:cut], SMALL).memory_bytes <= 2 * 20 * 100 * 100
        with pytest.raises(PictureRejected):
            decode_picture(data[: min(cut, len(data) - 1)], SMALL, LIMITS)


@pytest.mark.parametrize("size", PHONES)
@pytest.mark.parametrize("shape", [(28, 28, 1), SMALL, MEDIUM])
def test_a_photo_of_a_phone_is_an_ordinary_picture(size: tuple[int, int], shape: tuple[int, int, int]) -> None:
    data = photo(size, quality=50)
    assert picture_cost(data, shape).memory_bytes <= 100_000_000
    if shape == SMALL:
        assert decode_picture(data, shape, LIMITS).shape == shape


@pytest.mark.parametrize(
    ("size", "shape", "scale"),
    [
        ((640, 480), SMALL, 1),
        ((1024, 1024), SMALL, 2),
        ((8160, 6120), SMALL, 8),
        ((4000, 3000), SMALL, 8),
        ((2048, 2047), SMALL, 2),
        ((2048, 2048), SMALL, 8),
        ((4000, 3000), MEDIUM, 1),
        ((6000, 4000), MEDIUM, 1),  # 24 million pixels are decoded as they always were
        ((8160, 6120), MEDIUM, 2),
        ((12_000, 3000), MEDIUM, 2),
        ((60_000, 600), MEDIUM, 1),  # more would leave too little
    ],
)
def test_a_jpeg_is_reduced_as_far_as_the_model_allows(
    size: tuple[int, int], shape: tuple[int, int, int], scale: int
) -> None:
    assert jpeg_scale(*size, shape) == scale


def test_the_scale_is_the_one_that_pillow_uses() -> None:
    for size in [(8160, 6120), (4321, 1999), (700, 5000), (1025, 1023)]:
        with Image.open(io.BytesIO(photo(size))) as picture:
            scale = jpeg_scale(*size, SMALL)
            picture.draft(None, (max(1, size[0] // scale), max(1, size[1] // scale)))
            assert picture.size == (-(-size[0] // scale), -(-size[1] // scale))


@pytest.mark.parametrize(("subsampling", "samples"), [(0, 3.0), (1, 2.0), (2, 1.5)])
@pytest.mark.parametrize("is_progressive", [False, True])
def test_a_progressive_jpeg_costs_its_coefficients_too(subsampling: int, samples: float, is_progressive: bool) -> None:
    data = photo((1600, 1200), progressive=is_progressive, subsampling=subsampling)
    frame = jpeg_frame(data)
    assert frame is not None
    assert (frame.width, frame.height, frame.components, frame.samples) == (1600, 1200, 3, samples)
    assert frame.is_buffered == is_progressive
    coefficients = 2 * round(1600 * 1200 * samples) if is_progressive else 0
    assert picture_cost(data, SMALL).memory_bytes == 1600 * 1200 // 4 * 4 + coefficients


def test_a_progressive_jpeg_of_too_many_passes_is_refused() -> None:
    data = bytearray(photo((64, 64), progressive=True, subsampling=2))
    frame = data.index(b"\xff\xc2")
    data[frame + 5 : frame + 9] = (6000).to_bytes(2, "big") + (8000).to_bytes(2, "big")
    scan = data.rindex(b"\xff\xda")
    many = data[:scan] + data[scan : data.index(b"\xff", scan + 2)] * 80 + data[scan:]
    with pytest.raises(PictureRejected, match="too many scans for its size"):
        decode_picture(bytes(many), SMALL, LIMITS)


def to_mode(mode: str) -> Callable[[], Image.Image]:
    return lambda: Image.fromarray(np.zeros((60, 80), np.uint16)) if mode == "I;16" else Image.new(mode, (80, 60))


@pytest.mark.parametrize(
    ("mode", "options", "per_pixel"),
    [
        ("L", {}, 1),
        ("RGB", {}, 4),
        ("RGBA", {}, 8),
        ("LA", {}, 12),
        ("P", {}, 5),
        ("1", {}, 2),
        ("I;16", {}, 3),
        ("RGB", {"transparency": (1, 2, 3)}, 12),
        ("P", {"transparency": 0}, 13),
    ],
)
def test_a_png_costs_its_pixels_and_what_becomes_of_them(mode: str, options: dict[str, Any], per_pixel: int) -> None:
    data = encode(to_mode(mode)(), "PNG", **options)
    assert picture_cost(data, SMALL).memory_bytes == per_pixel * 80 * 60


def test_what_is_no_picture_costs_nothing() -> None:
    assert picture_cost(b"GIF89a", SMALL).memory_bytes == 0
    assert picture_cost(b"", SMALL).work == 0


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes], before: bytes) -> bytes:
    at = data.index(before) - 4
    made = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return data[:at] + made + data[at:]


def header_chunk(width: int, height: int, depth: int, colour: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


@pytest.mark.parametrize(
    "lie",
    [
        with_chunks(encode(Image.new("RGBA", (400, 300)), "PNG"), header_chunk(8, 8, 8, 0), before=b"IHDR"),
        with_chunks(encode(Image.new("RGBA", (400, 300)), "PNG"), header_chunk(400, 300, 8, 0), before=b"IHDR"),
        with_chunks(encode(Image.new("RGB", (400, 300)), "PNG"), (b"teXt", b"\0" * 30), before=b"IHDR"),
        with_chunks(encode(Image.new("RGB", (400, 300)), "PNG"), (b"tRNS", b"\0" * 6), before=b"IEND"),
    ],
    ids=["two sizes", "two modes", "header behind a chunk", "transparency at the end"],
)
def test_a_png_that_says_less_than_it_holds_is_refused(lie: bytes) -> None:
    with pytest.raises(PictureRejected, match=r"contradicts|cannot be decoded"):
        decode_picture(lie, SMALL, LIMITS)


def test_a_bmp_of_os2_is_decoded() -> None:
    pixels = bytes(range(48)) + bytes(4 * 12 * 3)
    old = b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + struct.pack("<IHHHH", 12, 4, 16, 1, 24) + pixels
    assert picture_size(old) == (4, 16)
    assert decode_picture(old, (16, 4, 3), LIMITS)[-1, 0].tolist() == [2, 1, 0]
