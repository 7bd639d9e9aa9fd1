import struct

import numpy as np
import pytest

from worker.pictures.headers import (
    COUNTED_AS_BYTES,
    COUNTED_AT_ONCE,
    MAX_JPEG_SCANS,
    is_laborious,
    jpeg_scans,
    picture_format,
)

SCAN = b"\xff\xda\x00\x02" + b"\x12\xff\x00\x34"
START = b"\xff\xd8\xff\xe0\x00\x04ab"
END = b"\xff\xd9"


def test_a_format_is_known_by_its_signature() -> None:
    assert picture_format(b"\xff\xd8\xff\xe0") == "JPEG"
    assert picture_format(b"RIFF\0\0\0\0WEBPVP8L") == "WEBP"
    assert picture_format(b"RIFF\0\0\0\0WEBPXXXX") is None
    assert picture_format(b" BM") is None


def test_scans_are_counted_where_they_count() -> None:
    assert not is_laborious(START + SCAN * MAX_JPEG_SCANS + END, "JPEG")
    assert is_laborious(START + SCAN * (MAX_JPEG_SCANS + 1) + END, "JPEG")


def test_what_only_looks_like_a_scan_is_not_counted() -> None:
    behind_the_end = START + SCAN + END + SCAN * 1000
    in_metadata = b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + 8 * 1000) + SCAN * 1000 + SCAN + END
    assert not is_laborious(behind_the_end, "JPEG")
    assert not is_laborious(in_metadata, "JPEG")


@pytest.mark.parametrize("n_bytes", [COUNTED_AS_BYTES, COUNTED_AT_ONCE, COUNTED_AT_ONCE + 1, 2 * COUNTED_AT_ONCE + 7])
def test_no_mark_of_a_scan_is_missed_between_pieces(n_bytes: int) -> None:
    data = bytearray(np.random.default_rng(1).choice([0, 0xDA, 0xFF], n_bytes).astype(np.uint8).tobytes())
    for at in (0, COUNTED_AT_ONCE - 1, COUNTED_AT_ONCE, n_bytes - 2):
        if at + 2 <= n_bytes:
            data[at : at + 2] = b"\xff\xda"
    assert jpeg_scans(bytes(data)) == data.count(b"\xff\xda")


def test_an_end_in_metadata_hides_no_scans() -> None:
    assert is_laborious(b"\xff\xd8\xff\xe1\x00\x04" + END + SCAN * 1000 + END, "JPEG")


def test_a_cut_file_is_left_to_the_decoder() -> None:
    assert not is_laborious(START, "JPEG")
    assert not is_laborious(START + SCAN, "JPEG")
    assert not is_laborious(b"\x89PNG\r\n\x1a\n\0\0", "PNG")
    assert not is_laborious(b"BM", "BMP")


def test_zeros_behind_a_png_are_no_chunks() -> None:
    assert not is_laborious(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IEND" + bytes(1_000_000), "PNG")
    assert is_laborious(b"\x89PNG\r\n\x1a\n" + bytes(1_000_000), "PNG")
