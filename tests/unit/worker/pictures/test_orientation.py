"""Pictures are turned as Pillow turns them, whatever form the orientation is stored in."""

import io
import random
import struct
import time

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from worker.pictures.orientation import orientation_in_exif, orientation_of
from worker.pictures.pixels import PictureLimits, decode_picture

SHORT, LONG, SSHORT, SLONG = 3, 4, 8, 9
LAYOUTS = {SHORT: "H", LONG: "I", SSHORT: "h", SLONG: "i"}
LIMITS = PictureLimits(10_000_000)


def tiff(order: str, *entries: tuple[int, int, int, bytes]) -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    packed = b"".join(struct.pack(order + "HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return magic + struct.pack(order + "IH", 8, len(entries)) + packed + bytes(4)


def exif(order: str, value: int, kind: int = SHORT, count: int = 1) -> bytes:
    other = (0x010F, SHORT, 1, b"\1\0")
    return tiff(order, other, (0x0112, kind, count, struct.pack(order + LAYOUTS[kind], value)))


def stored() -> Image.Image:
    """Twice as high as wide, and every quarter different."""
    pixels = np.zeros((16, 8, 3), np.uint8)
    pixels[:8, :4], pixels[:8, 4:], pixels[8:, :4] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    return Image.fromarray(pixels)


def encode(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    stored().save(buffer, kind, **options)
    return buffer.getvalue()


def must_be_turned_as_by_pillow(data: bytes, *, is_turned: bool = True) -> None:
    with Image.open(io.BytesIO(data)) as picture:
        turned = ImageOps.exif_transpose(picture).convert("RGB")
        assert (turned != picture.convert("RGB")) == is_turned
    ours = decode_picture(data, (turned.height, turned.width, 3), LIMITS)
    np.testing.assert_array_equal(ours, np.asarray(turned))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("value", range(2, 9))
def test_every_type_of_number_in_both_byte_orders_turns_a_photo(order: str, kind: int, value: int) -> None:
    must_be_turned_as_by_pillow(encode("JPEG", quality=95, exif=b"Exif\0\0" + exif(order, value, kind)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_exif_in_other_formats_turns_a_picture(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    must_be_turned_as_by_pillow(encode(kind, exif=exif("<", 6, LONG), **options))


@pytest.mark.parametrize("is_packed", [False, True])
def test_imagemagicks_raw_profile_turns_a_png(is_packed: bool) -> None:
    block = b"Exif\0\0" + exif(">", 8)
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=is_packed)
    must_be_turned_as_by_pillow(encode("PNG", pnginfo=info))


@pytest.mark.parametrize("form", ['tiff:Orientation="6"', "<tiff:Orientation>6</tiff:Orientation>"])
def test_xmp_turns_a_picture(form: str) -> None:
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {form}/></x:xmpmeta>'
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    must_be_turned_as_by_pillow(encode("PNG", pnginfo=info))
    must_be_turned_as_by_pillow(encode("WEBP", lossless=True, xmp=xmp.encode()))
    segment = b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()
    jpeg = encode("JPEG", quality=95)
    must_be_turned_as_by_pillow(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:])


def test_exif_counts_before_xmp() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", 'tiff:Orientation="6"')
    must_be_turned_as_by_pillow(encode("PNG", pnginfo=info, exif=exif("<", 3)))
    must_be_turned_as_by_pillow(encode("PNG", pnginfo=info, exif=exif("<", 1)), is_turned=False)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"II*\0",
        exif("<", 0),
        exif("<", 9),
        exif("<", -6, SLONG),
        exif("<", 6 + 2**16, LONG),
        tiff("<", (0x0112, 2, 1, b"\6")),
        tiff("<", (0x0112, 12, 1, b"\xff\xff\xff\xff")),
        tiff("<", (0x0112, SHORT, 2**32 - 1, b"\6")),
        tiff("<", (0x0112, SHORT, 0, b"\6")),
        tiff("<", (0x0112, 11, 1, struct.pack("<f", float("nan")))),
        exif("<", 6)[:-8],
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\0\0\0\0",
    ],
)
def test_what_cannot_be_understood_is_upright(damaged: bytes) -> None:
    assert orientation_of({"exif": damaged}) == 1


def test_raw_profiles_that_are_none_are_upright() -> None:
    for text in ("", "\nexif\n", "\nexif\n 4\nzz", "\nexif\n 4\nabc"):
        assert orientation_of({"Raw profile type exif": text}) == 1


def test_of_several_numbers_or_tags_the_first_counts() -> None:
    two_numbers = tiff("<", (0x0112, SHORT, 2, b"\6\0\3\0"))
    two_tags = tiff("<", (0x0112, SHORT, 1, b"\6"), (0x0112, SHORT, 1, b"\x08"))
    assert orientation_in_exif(two_numbers) == 6
    assert orientation_in_exif(two_tags) == 6
    must_be_turned_as_by_pillow(encode("JPEG", quality=95, exif=b"Exif\0\0" + two_tags))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_mutated_metadata_means_the_same_as_to_pillow() -> None:
    chance = random.Random(7)
    good = [exif(order, 6, kind) for order in "<>" for kind in LAYOUTS]
    for _ in range(300):
        block = bytearray(chance.choice(good))
        block[chance.randrange(len(block))] = chance.randrange(256)
        data = encode("PNG", exif=bytes(block))
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            try:
                theirs = picture.getexif().get(0x0112, 1)
            except (SyntaxError, struct.error, ValueError, OverflowError):
                theirs = 1
            if bytes(block[4:8]) in (b"\x08\0\0\0", b"\0\0\0\x08"):  # a directory elsewhere may be anything
                assert orientation_of(picture.info) == (theirs if theirs in range(1, 9) else 1), block.hex(" ")


def test_a_directory_of_many_entries_costs_little() -> None:
    entry = struct.pack("<HHII", 0x0112, 12, 100_000, 8)
    hostile = b"II*\0\x08\0\0\0\xff\xff" + entry * 65_535
    began_at = time.process_time()
    assert orientation_of({"exif": hostile}) == 1
    assert time.process_time() - began_at < 1
