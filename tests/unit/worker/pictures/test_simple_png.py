"""The short way to a PNG's pixels: always Pillow's pixels, and Pillow's verdict on whatever is damaged."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from worker.pictures import pixels, simple_png
from worker.pictures.pixels import PictureLimits, PictureRejected, decode_picture, decode_pictures
from worker.pictures.simple_png import raw_pixels, read_equal_pngs, read_simple_png

LIMITS = PictureLimits(10_000_000)
RNG = np.random.default_rng(5)


def png(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def noise(width: int, height: int, mode: str) -> Image.Image:
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def with_data(whole: bytes, data: bytes) -> bytes:
    """A file with other packed lines."""
    chunk = b"IDAT" + data
    written = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return whole[:33] + written + whole[-12:]


def pillows_pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.tobytes()


def outcome(data: bytes, shape: tuple[int, int, int]) -> object:
    try:
        return decode_picture(data, shape, LIMITS).tobytes()
    except PictureRejected as error:
        return type(error), str(error)


def pillows(data: bytes, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patched:
        patched.setattr(pixels, "read_simple_png", lambda *_: None)
        return outcome(data, shape)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_pixels_are_the_same_either_way(mode: str, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for width, height in ((1, 1), (32, 32), (28, 28), (61, 17), (200, 300)):
        data = png(noise(width, height, mode), compress_level=level)
        assert read_simple_png(data, 8192, 10**7) is not None
        for shape in ((32, 32, 3), (28, 28, 1), (height, width, 3)):
            assert outcome(data, shape) == pillows(data, shape, monkeypatch)


@pytest.mark.parametrize(
    "data",
    [
        png(noise(8, 8, "RGBA")),
        png(noise(8, 8, "LA")),
        png(noise(8, 8, "P")),
        png(noise(8, 8, "1")),
        png(Image.fromarray(RNG.integers(0, 65536, (8, 8), dtype=np.uint16))),
        png(noise(8, 8, "RGB"), transparency=(1, 2, 3)),
        png(noise(8, 8, "RGB"), exif=b"MM\0*\0\0\0\x08\0\0"),
        png(noise(1000, 1000, "L")),
        b"",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["rgba", "la", "palette", "bilevel", "16 bits", "transparent", "exif", "large", "empty", "signature"],
)
def test_a_file_that_is_not_simple_is_left_to_pillow(data: bytes) -> None:
    assert read_simple_png(data, 8192, 10**7) is None


def test_harmless_chunks_do_not_make_a_file_unusual() -> None:
    info = PngInfo()
    info.add_text("Software", "a camera")
    assert read_simple_png(png(noise(8, 8, "RGB"), pnginfo=info, dpi=(72, 72)), 8192, 10**7) is not None


def test_data_in_several_chunks_or_before_more_bytes_is_read_like_data_in_one() -> None:
    whole = png(noise(8, 8, "RGB"))
    packed, end = whole[41:-16], whole[-12:]
    halves = b"".join(with_data(whole, half)[33:-12] for half in (packed[:50], packed[50:]))
    pictures = [read_simple_png(data, 8192, 10**7) for data in (whole, whole[:33] + halves + end, whole + b"more")]
    assert [picture.tobytes() if picture else b"" for picture in pictures] == [pillows_pixels(whole)] * 3


def test_damaged_files_get_pillows_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = png(noise(16, 16, "RGB"))
    for number in range(400):
        data = bytearray(whole[: RNG.integers(0, len(whole))] if number % 4 == 0 else whole)
        for position in RNG.integers(0, max(1, len(data)), 2 if data else 0):
            data[position] ^= 1 << RNG.integers(0, 8)
        assert outcome(bytes(data), (16, 16, 3)) == pillows(bytes(data), (16, 16, 3), monkeypatch)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_equal_files_are_decoded_together_as_one_by_one(mode: str) -> None:
    files = [png(noise(32, 20, mode), compress_level=level) for level in range(10)]
    assert read_equal_pngs(files, mode, 32, 20) is not None
    for shape in ((20, 32, 3), (20, 32, 1), (8, 8, 3)):
        together = decode_pictures(files, shape, LIMITS)
        assert together.tobytes() == b"".join(decode_picture(data, shape, LIMITS).tobytes() for data in files)


@pytest.mark.parametrize("library", ["zlib", "isal.isal_zlib"])
def test_files_are_read_together_with_and_without_isal(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simple_png, "inflate", pytest.importorskip(library))
    files = [png(noise(32, 20, "RGB"), compress_level=level) for level in range(10)]
    together = read_equal_pngs(files, "RGB", 32, 20)
    assert together is not None
    monkeypatch.setattr(simple_png, "MAX_TOGETHER", 0)
    apart = read_equal_pngs(files, "RGB", 32, 20)
    assert apart is not None
    assert together.shape == apart.shape == (10, 20, 32, 3)
    assert (together == apart).all()


@pytest.mark.parametrize("library", ["zlib", "isal.isal_zlib"])
@pytest.mark.parametrize("lines", [0, 19, 21, 100_000])
def test_data_of_another_length_or_damaged_is_not_read_together(
    lines: int, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simple_png, "inflate", pytest.importorskip(library))
    whole = png(noise(32, 20, "RGB"))
    packed = zlib.compress(bytes(97 * lines))
    for data in (packed, packed[:-5], packed[:-1] + bytes([packed[-1] ^ 1])):
        assert read_equal_pngs([whole, with_data(whole, data), whole], "RGB", 32, 20) is None


def test_files_of_many_kinds_are_decoded_one_by_one() -> None:
    files = [png(noise(8, 8, "RGB")), png(noise(8, 8, "L")), png(noise(9, 8, "RGB")), png(noise(8, 8, "P"))]
    assert read_equal_pngs(files, "RGB", 8, 8) is None
    together = decode_pictures(files, (8, 8, 3), LIMITS)
    assert together.tobytes() == b"".join(decode_picture(data, (8, 8, 3), LIMITS).tobytes() for data in files)


@pytest.mark.parametrize("spoilt", [b"", b"none", png(noise(8, 8, "RGB"))[:-40]])
def test_one_that_cannot_be_read_among_others_is_refused_as_alone(spoilt: bytes) -> None:
    with pytest.raises(PictureRejected) as alone:
        decode_picture(spoilt, (8, 8, 3), LIMITS)
    with pytest.raises(PictureRejected) as together:
        decode_pictures([png(noise(8, 8, "RGB")), spoilt], (8, 8, 3), LIMITS)
    assert str(together.value) == str(alone.value)


def test_limits_hold_for_pictures_of_the_models_own_size() -> None:
    with pytest.raises(PictureRejected):
        decode_pictures([png(noise(8, 8, "RGB"))], (8, 8, 3), PictureLimits(10_000_000, max_side=7))


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (300, 200)])
def test_raw_pixels_are_pillows(size: tuple[int, int]) -> None:
    for mode in ("L", "RGB"):
        picture = noise(*size, mode)
        assert raw_pixels(picture) == picture.tobytes()
