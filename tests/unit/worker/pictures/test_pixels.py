import io
import random
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.archives import huge_webp
from tests.cpu_time import at_most_cpu_s
from tests.paths import SHARED_DATA
from worker.pictures.fitting import TURNS
from worker.pictures.pixels import (
    PictureFormatUnsupported,
    PictureLimits,
    PictureRejected,
    PictureTooLarge,
    decode_picture,
    to_unit_range,
)

LIMITS = PictureLimits(max_bytes=10_000_000)
COLOUR = (32, 32, 3)
GREY = (28, 28, 1)
PHOTOS = SHARED_DATA / "photos"
Pixels = NDArray[np.uint8]


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - whatever an encoder takes
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data: bytes, shape: tuple[int, int, int] = COLOUR) -> Pixels:
    pixels = decode_picture(data, shape, LIMITS)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    return pixels


def colourful(height: int = 32, width: int = 32) -> Image.Image:
    """Four smooth-edged blocks in an order that no turn maps onto itself."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 2] = (200, 40, 40)
    pixels[: height // 2, width // 2 :] = (40, 180, 60)
    pixels[height // 2 :, : width // 2] = (40, 60, 200)
    pixels[height // 2 :, width // 2 :] = (230, 220, 90)
    return Image.fromarray(pixels)


def busy(height: int, width: int, channels: int = 3) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(noise.squeeze())


def exif_with(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int, depth: int = 1) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def bmp_header(width: int, height: int) -> bytes:
    data = encode(Image.new("1", (1, 1)), "BMP")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


# Scaling


def test_scaling_gives_what_the_lesson_gets_from_dividing_by_255() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    scaled = to_unit_range(images)
    assert scaled.dtype == np.float32
    assert scaled.shape == images.shape
    np.testing.assert_array_equal(scaled, (images / 255.0).astype(np.float32))


def test_what_was_scaled_before_is_not_scaled_again() -> None:
    once = to_unit_range(np.zeros((1, 2, 2, 1), dtype=np.uint8))
    with pytest.raises(TypeError, match="expected uint8, got float32"):
        to_unit_range(once)  # type: ignore[arg-type]


# The same picture in any encoding


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "PNG", {}),
        ("RGB", "PNG", {"optimize": True}),
        ("RGBA", "PNG", {}),
        ("P", "PNG", {}),
        ("P", "PNG", {"bits": 2}),
        ("RGB", "BMP", {}),
        ("RGBA", "BMP", {}),
        ("P", "BMP", {}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGBA", "WEBP", {"lossless": True, "exact": True}),
    ],
)
def test_lossless_pictures_of_the_models_size_keep_every_pixel(mode: str, kind: str, options: dict[str, Any]) -> None:
    picture = colourful()
    stored = picture.quantize(4) if mode == "P" else picture.convert(mode)
    np.testing.assert_array_equal(decode(encode(stored, kind, **options)), np.asarray(picture))


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "JPEG", {"quality": 95, "subsampling": 0}),
        ("RGB", "JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
        ("YCbCr", "JPEG", {"quality": 95, "subsampling": 0}),
        ("CMYK", "JPEG", {"quality": 95}),
        ("RGB", "WEBP", {"quality": 95}),
    ],
)
def test_lossy_pictures_stay_close(mode: str, kind: str, options: dict[str, Any]) -> None:
    picture = colourful()
    difference = decode(encode(picture.convert(mode), kind, **options)).astype(int) - np.asarray(picture)
    assert np.abs(difference).mean() < 4
    assert np.abs(difference[4:12, 4:12]).max() <= 3  # inside a block


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_grey_pictures_keep_every_pixel(kind: str) -> None:
    picture = busy(28, 28, 1)
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode(encode(picture, kind, **options), GREY)[..., 0], np.asarray(picture))


def test_opaque_grey_with_alpha_keeps_every_pixel() -> None:
    picture = busy(28, 28, 1)
    np.testing.assert_array_equal(decode(encode(picture.convert("LA"), "PNG"), GREY)[..., 0], np.asarray(picture))


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    shallow = np.asarray(busy(28, 28, 1))
    deep = Image.fromarray(shallow.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    np.testing.assert_array_equal(decode(encode(deep, "PNG"), GREY)[..., 0], shallow)


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight() -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = decode(encode(Image.fromarray(deep), "PNG"), (256, 256, 1))[..., 0]
    np.testing.assert_array_equal(pixels, np.round(deep / 257))


def test_one_bit_becomes_black_and_white() -> None:
    bits = busy(28, 28, 1).convert("1")
    for kind in ("PNG", "BMP"):
        np.testing.assert_array_equal(decode(encode(bits, kind), GREY)[..., 0], np.asarray(bits) * np.uint8(255))


def test_colour_becomes_grey_for_a_grey_model_and_grey_becomes_colour() -> None:
    picture = colourful(28, 28)
    grey = decode(encode(picture, "PNG"), GREY)
    np.testing.assert_array_equal(grey[..., 0], np.asarray(picture.convert("L")))
    coloured = decode(encode(picture.convert("L"), "PNG"), (28, 28, 3))
    np.testing.assert_array_equal(coloured, np.repeat(grey, 3, axis=2))


# Transparency


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_pixels_become_white(kind: str) -> None:
    picture = colourful().convert("RGBA")
    alpha = np.full((32, 32), 255, dtype=np.uint8)
    alpha[:16] = 0
    picture.putalpha(Image.fromarray(alpha))
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode(encode(picture, kind, **options))
    assert (pixels[:16] == 255).all()
    np.testing.assert_array_equal(pixels[16:], np.asarray(colourful())[16:])


def test_half_transparent_grey_is_half_white() -> None:
    picture = Image.new("LA", (28, 28), (0, 128))
    assert abs(int(decode(encode(picture, "PNG"), GREY)[0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("transparency", [0, bytes([0, 255, 255, 255])])
def test_transparent_palette_entries_become_white(transparency: int | bytes) -> None:
    picture = colourful().quantize(4)
    see_through = np.asarray(picture) == 0
    pixels = decode(encode(picture, "PNG", transparency=transparency))
    assert (pixels[see_through] == 255).all()
    np.testing.assert_array_equal(pixels[~see_through], np.asarray(colourful())[~see_through])


def test_a_transparent_colour_becomes_white() -> None:
    pixels = decode(encode(colourful(), "PNG", transparency=(200, 40, 40)))
    assert (pixels[:16, :16] == 255).all()
    np.testing.assert_array_equal(pixels[16:], np.asarray(colourful())[16:])


@pytest.mark.parametrize("mode", ["L", "1", "I;16"])
def test_a_transparent_grey_becomes_white(mode: str) -> None:
    picture = Image.fromarray(np.zeros((28, 28), dtype=np.uint16)) if mode == "I;16" else Image.new(mode, (28, 28))
    assert (decode(encode(picture, "PNG", transparency=0), GREY) == 255).all()


def test_a_transparent_edge_has_no_halo_after_resizing() -> None:
    """What lies hidden under full transparency must not bleed into its neighbours."""
    pixels = np.zeros((320, 320, 4), dtype=np.uint8)  # transparent black
    pixels[:, 105:] = (255, 255, 255, 255)
    assert (decode(encode(Image.fromarray(pixels), "PNG")) >= 254).all()


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_pictures_are_turned_upright(kind: str, options: dict[str, Any], orientation: int) -> None:
    upright = busy(32, 32)
    stored = undo(upright, orientation)
    data = encode(stored, kind, exif=exif_with(orientation), **options)
    np.testing.assert_array_equal(decode(data), np.asarray(upright))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_large_photographs_are_turned_upright(orientation: int) -> None:
    upright = colourful(900, 1200)
    data = encode(undo(upright, orientation), "JPEG", quality=95, exif=exif_with(orientation))
    expected = decode(encode(upright, "PNG"), (24, 32, 3)).astype(int)
    assert np.abs(decode(data, (24, 32, 3)) - expected).max() <= 6


def undo(upright: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it with this orientation."""
    if orientation == 1:
        return upright
    inverse = {6: TURNS[8], 8: TURNS[6]}
    return upright.transpose(inverse.get(orientation, TURNS[orientation]))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"nonsense" * 99]
)
def test_damaged_metadata_does_not_spoil_a_picture(exif: bytes) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        decode(encode(colourful(), kind, exif=exif))


def test_metadata_that_points_at_itself_ends() -> None:
    loop = struct.pack("<4sIHHHIII", b"II*\0", 8, 1, 0x8769, 4, 1, 8, 8)
    decode(encode(colourful(), "JPEG", exif=b"Exif\0\0" + loop))


# Other sizes


def test_other_shapes_are_cropped_around_their_centre() -> None:
    pixels = np.zeros((40, 200, 3), dtype=np.uint8)
    pixels[:, 78:122] = (10, 200, 30)  # the filter looks a little over the edge
    assert (decode(encode(Image.fromarray(pixels), "PNG")) == (10, 200, 30)).all()
    assert (decode(encode(Image.fromarray(pixels.transpose(1, 0, 2).copy()), "PNG")) == (10, 200, 30)).all()


def test_shrinking_averages_and_does_not_skip() -> None:
    stripes = np.zeros((320, 320), dtype=np.uint8)
    stripes[:, ::2] = 255
    pixels = decode(encode(Image.fromarray(stripes), "PNG"), GREY)
    assert np.abs(pixels.astype(int) - 127).max() < 15


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (8192, 1), (31, 33), (33, 32), (7, 5)])
def test_any_size_within_the_limits_comes_out_in_the_models_shape(size: tuple[int, int]) -> None:
    for kind in ("PNG", "JPEG", "WEBP", "BMP"):
        for shape in (COLOUR, GREY, (24, 48, 3), (227, 227, 3)):
            decode(encode(Image.new("RGB", size, (9, 99, 199)), kind), shape)


def test_a_jpeg_decoded_at_reduced_size_hardly_differs() -> None:
    photo = busy(24, 32).resize((2400, 1800), Image.Resampling.BICUBIC)
    reduced = decode(encode(photo, "JPEG", quality=95)).astype(int)
    assert np.abs(reduced - decode(encode(photo, "PNG"))).mean() < 2


# Animations, and pictures with something behind them


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_counts_as_its_first_frame(kind: str) -> None:
    frames = [colourful(), Image.new("RGB", (32, 32), "white"), Image.new("RGB", (32, 32))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options)
    np.testing.assert_array_equal(decode(data), np.asarray(colourful()))


def test_a_camera_file_with_two_jpegs_counts_as_its_first() -> None:
    data = encode(colourful(), "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))])
    np.testing.assert_array_equal(decode(data), decode(encode(colourful(), "JPEG")))


def test_what_hangs_behind_a_picture_changes_nothing() -> None:
    tail = b"PK\x03\x04<script>alert(1)</script>" + random.Random(3).randbytes(300_000)
    for kind in ("JPEG", "PNG", "BMP"):
        data = encode(colourful(), kind)
        np.testing.assert_array_equal(decode(data + tail), decode(data))


# Refusals


def all_kinds() -> dict[str, bytes]:
    picture = busy(48, 48)
    return {
        "JPEG": encode(picture, "JPEG"),
        "progressive JPEG": encode(picture, "JPEG", progressive=True),
        "PNG": encode(picture, "PNG"),
        "palette PNG": encode(picture.quantize(32), "PNG", transparency=3),
        "animated PNG": encode(picture, "PNG", save_all=True, append_images=[colourful(48, 48)]),
        "WEBP": encode(picture, "WEBP"),
        "lossless WEBP": encode(picture.convert("RGBA"), "WEBP", lossless=True),
        "animated WEBP": encode(picture, "WEBP", save_all=True, append_images=[colourful(48, 48)]),
        "BMP": encode(picture, "BMP"),
        "palette BMP": encode(picture.quantize(32), "BMP"),
    }


def outcome(data: bytes) -> str:
    """A picture or a refusal, whose words give nothing of the program away; anything else fails the test."""
    try:
        decode(data)
    except PictureRejected as error:
        reason = error.reason
    else:
        return "decoded"
    assert not any(inside in reason for inside in ("PIL", "0x", "BytesIO", "Error", "b'"))
    assert "expected" in reason
    assert "got" in reason
    return "refused"


@pytest.mark.parametrize("kind", all_kinds())
def test_a_picture_cut_anywhere_is_refused_or_decoded(kind: str) -> None:
    data = all_kinds()[kind]
    outcomes = [outcome(data[: len(data) * percent // 100]) for percent in range(0, 100, 5)]
    assert outcomes.count("refused") >= 15


@pytest.mark.parametrize("kind", all_kinds())
def test_a_picture_with_flipped_bits_is_refused_or_decoded(kind: str) -> None:
    data = all_kinds()[kind]
    chance = random.Random(kind)
    for copy in range(300):
        damaged = bytearray(data)
        for _ in range(1 + copy % 4):
            # Every other copy is hit in its first bytes, where the headers are.
            damaged[chance.randrange(len(data) if copy % 2 else 120)] ^= 1 << chance.randrange(8)
        outcome(bytes(damaged))


@pytest.mark.parametrize("kind", all_kinds())
def test_a_header_with_nothing_but_noise_behind_it_is_refused_or_decoded(kind: str) -> None:
    data = all_kinds()[kind]
    for seed in range(50):
        outcome(data[: 8 + 4 * seed] + random.Random(seed).randbytes(500))


@pytest.mark.parametrize(
    "data",
    [
        png_header(50_000, 50_000),
        png_header(13_000, 13_000, depth=8),
        png_header(9_400, 9_400),  # few enough pixels for Pillow to warn only
        png_header(8_193, 1),
        png_header(6_000, 4_001),
        bmp_header(50_000, 50_000),
        huge_webp(16_383, 16_383),
    ],
    ids=["50000", "13000", "9400", "8193x1", "24.006 MP", "BMP", "WebP"],
)
def test_too_many_pixels_are_refused_from_the_header(data: bytes) -> None:
    reason = "too many pixels; expected at most 24000000 in all and 8192 on a side"
    limits = PictureLimits(max_bytes=len(data), max_pixels=24_000_000, max_side=8192)
    with at_most_cpu_s(0.2), pytest.raises(PictureTooLarge, match=reason):
        decode_picture(data, COLOUR, limits)


def test_a_jpeg_with_too_many_pixels_is_refused_from_the_header() -> None:
    data = bytearray(encode(Image.new("RGB", (16, 16)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 13_000, 13_000)
    with pytest.raises(PictureTooLarge, match="got 13000 x 13000"):
        decode(bytes(data))


def test_limits_are_the_callers() -> None:
    data = encode(colourful(), "PNG")
    for limits, reason in [
        (PictureLimits(max_bytes=len(data) - 1), f"expected at most {len(data) - 1} bytes, got {len(data)}"),
        (PictureLimits(max_bytes=len(data), max_pixels=1023), "got 32 x 32"),
        (PictureLimits(max_bytes=len(data), max_side=31), "got 32 x 32"),
    ]:
        with pytest.raises(PictureTooLarge, match=reason):
            decode_picture(data, COLOUR, limits)
    decode_picture(data, COLOUR, PictureLimits(max_bytes=len(data), max_pixels=1024, max_side=32))


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(PictureRejected, match="empty"):
        decode(b"")


@pytest.mark.parametrize(
    ("data", "came"),
    [
        (encode(colourful(), "GIF"), "GIF"),
        (encode(colourful(), "TIFF"), "TIFF"),
        (encode(colourful(), "ICO"), "an icon"),
        (encode(colourful(), "PDF"), "PDF"),
        (encode(colourful(), "EPS"), "PostScript"),
        (encode(colourful(), "JPEG2000"), "JPEG 2000"),
        (encode(colourful(), "PPM"), "something else"),
        (encode(colourful(), "DDS"), "something else"),
        (b"8BPS\0\1" + bytes(99), "Photoshop"),
        (b"SIMPLE  =                    T" + b" " * 50, "text"),
        (b"\0\0\0\x1cftypheic" + bytes(30), "AVIF or HEIC"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --><!-- b -->\n<svg/>", "SVG"),
        (b"<!-- -->" * 200, "a web page or other markup"),
        (b"<html><body>", "a web page or other markup"),
        (b"hello, world", "text"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "something else"),
        (bytes(1000), "something else"),
        (random.Random(1).randbytes(4096), "something else"),
    ],
)
def test_other_formats_are_named_and_never_opened(data: bytes, came: str) -> None:
    with pytest.raises(PictureFormatUnsupported, match=f"expected JPEG, PNG, WebP or BMP, got {came}$"):
        decode(data)


def test_a_compressed_bitmap_is_refused() -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 8, 1, 0, 0, 0, 256, 0)
    data = b"BM" + struct.pack("<IHHI", 1200, 0, 0, 1078) + head + bytes(1024) + b"\x08\x05" * 8
    with pytest.raises(PictureFormatUnsupported, match="got run lengths"):
        decode(data)


def test_files_built_to_be_slow_are_refused() -> None:
    jpeg, png = encode(colourful(), "JPEG"), encode(colourful(), "PNG")
    progressive = encode(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    last_scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    slow = (
        progressive[:-2] + last_scan * 10_000 + progressive[-2:],
        jpeg[:2] + b"\xff\xfe\x00\x02" * 1_000_000 + jpeg[2:],
        jpeg[:3] + bytes(5_000_000) + jpeg[2:],
        png[:33] + chunk(b"teXt", b"") * 400_000 + png[33:],
    )
    with at_most_cpu_s(1):
        for data in slow:
            with pytest.raises(PictureRejected, match="too many parts"):
                decode(data)


def test_much_metadata_takes_no_long_time() -> None:
    png = encode(colourful(), "PNG")
    texts = chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(12_000))) * 5_000
    with at_most_cpu_s(1):
        decode(png[:33] + texts + png[33:])
        decode(encode(colourful(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(60_000)))


def test_only_grey_and_colour_models_are_served() -> None:
    with pytest.raises(ValueError, match="expected 1 or 3 channels, got 4"):
        decode_picture(encode(colourful(), "PNG"), (32, 32, 4), LIMITS)


# Pillow's own warnings


def test_pillows_warnings_never_leak() -> None:
    """Under any filters: its words would otherwise end up on the server's standard error."""
    apng = encode(colourful(), "PNG")
    invalid_apng = apng[:33] + chunk(b"acTL", bytes(8)) + apng[33:]
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        assert outcome(png_header(9_400, 9_400)) == "refused"
        assert outcome(invalid_apng) == "decoded"
        assert outcome(encode(colourful(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0")) == "decoded"
    assert not leaked


def test_other_peoples_warnings_are_left_alone() -> None:
    decode(encode(colourful(), "PNG"))
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def test_many_threads_decode_at_once() -> None:
    files = [encode(busy(32, 32), "PNG"), png_header(9_400, 9_400), encode(colourful(), "WEBP"), b"hello"]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, files * 100))
    assert outcomes == ["decoded", "refused", "decoded", "refused"] * 100


# Real photographs


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs ../shared/data/photos")
def test_every_real_photograph_is_decoded() -> None:
    photos = [path for path in PHOTOS.iterdir() if path.suffix in {".jpg", ".jpeg", ".png", ".bmp"}]
    for photo in photos:
        assert decode(photo.read_bytes()).std() > 1, photo.name
        assert decode(photo.read_bytes(), GREY).std() > 1, photo.name
