"""The short way to a JPEG's pixels: always Pillow's pixels, and its verdict on what is damaged or not simple."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from worker.pictures import pixels
from worker.pictures.headers import jpeg_frame, simple_jpeg_frame
from worker.pictures.pixels import PictureLimits, PictureRejected, decode_picture
from worker.pictures.simple_jpeg import MAX_AREA, read_simple_jpeg, simple_frame_within

LIMITS = PictureLimits(10_000_000)
RNG = np.random.default_rng(7)


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Smooth with some noise, as photographs are."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = np.stack([128 + 90 * np.sin(rows / 7 + k) * np.cos(columns / (5 + k)) for k in range(3)], axis=2)
    noisy = waves + RNG.normal(0, 12, waves.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert(mode)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def is_read(data: bytes) -> bool:
    frame = simple_frame_within(data, LIMITS.max_side, LIMITS.max_pixels)
    return frame is not None and read_simple_jpeg(data, frame) is not None


def outcome(data: bytes, shape: tuple[int, int, int]) -> object:
    try:
        return decode_picture(data, shape, LIMITS).tobytes()
    except PictureRejected as error:
        return type(error), str(error)


def pillows(data: bytes, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patched:
        patched.setattr(pixels, "simple_frame_within", lambda *_: None)
        return outcome(data, shape)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [20, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_pixels_are_the_same_either_way(
    mode: str, quality: int, subsampling: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width, height in ((1, 1), (32, 32), (28, 28), (61, 17), (255, 257)):
        data = jpeg(
            picture(width, height, mode), quality=quality, **({"subsampling": subsampling} if mode == "RGB" else {})
        )
        assert is_read(data)
        for shape in ((32, 32, 3), (28, 28, 1), (4, 4, 3), (height, width, 3)):
            assert outcome(data, shape) == pillows(data, shape, monkeypatch)


EXIF = Image.Exif()
EXIF[0x0112] = 6
LEFT_TO_PILLOW = {
    "CMYK": jpeg(picture(8, 8, "CMYK")),
    "progressive": jpeg(picture(32, 32), progressive=True),
    "turned": jpeg(picture(32, 20), exif=EXIF),
    "XMP": jpeg(picture(32, 20), xmp=b'<x tiff:Orientation="6"/>'),
    "RGB instead of YCbCr": jpeg(picture(32, 20), keep_rgb=True),
    "large": jpeg(picture(256, 257)),
    "cut in its header": jpeg(picture(32, 32))[:100],
    "cut in its scan": jpeg(picture(32, 32))[:-40],
    "without its end": jpeg(picture(32, 32))[:-2],
    "12 bits": jpeg(picture(32, 32)).replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "no pixels": jpeg(picture(32, 32)).replace(b"\xff\xc0\0\x11\x08\0\x20", b"\xff\xc0\0\x11\x08\0\0"),
    "nothing": b"\xff\xd8\xff",
}


@pytest.mark.parametrize("data", LEFT_TO_PILLOW.values(), ids=LEFT_TO_PILLOW)
def test_other_files_are_left_to_pillow(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_read(data)
    assert outcome(data, (16, 16, 3)) == pillows(data, (16, 16, 3), monkeypatch)


def test_the_frame_is_that_of_the_thorough_reader() -> None:
    for mode in ("L", "RGB"):
        data = jpeg(picture(61, 17, mode), comment=b"of a test", restart_marker_blocks=1)
        simple, thorough = simple_jpeg_frame(data), jpeg_frame(data)
        assert simple is not None
        assert thorough is not None
        assert simple == (thorough.width, thorough.height, thorough.components)
        assert not thorough.is_buffered
        assert is_read(data)


def test_a_file_beyond_the_limits_is_not_simple() -> None:
    data = jpeg(picture(40, 30))
    assert simple_frame_within(data, 39, MAX_AREA) is None
    assert simple_frame_within(data, 40, 40 * 30 - 1) is None
    assert simple_frame_within(data, 40, 40 * 30) is not None


def test_damage_has_the_same_outcome_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    whole = [jpeg(picture(32, 32, mode), quality=quality) for mode in ("L", "RGB") for quality in (30, 90)]
    n_read = 0
    for _ in range(300):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.choice((1, 1, 4))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        n_read += is_read(bytes(data))
        assert outcome(bytes(data), (32, 32, 3)) == pillows(bytes(data), (32, 32, 3), monkeypatch)
    assert n_read > 50  # a changed coefficient is no error
