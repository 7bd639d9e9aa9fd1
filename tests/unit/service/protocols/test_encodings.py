"""Compressed bodies: both ways, within a size, and never anything but gzip and zlib."""

import gzip
import zlib

import pytest

from service.errors import BodyTooLarge, BodyTypeUnsupported, CallRejected
from service.protocols.encodings import chosen_encoding, compressed, decompressed

DATA = b'{"inputs": []}' * 50


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_compressed_here_is_understood_here_and_by_the_standard_library(encoding: str) -> None:
    small = compressed(DATA, encoding)
    assert len(small) < len(DATA)
    assert decompressed(small, encoding.upper(), 1000) == DATA
    assert (gzip if encoding == "gzip" else zlib).decompress(small) == DATA


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_plain_bodies_stay_as_they_are(encoding: str) -> None:
    assert decompressed(DATA, encoding, 1) is DATA


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "gzip"),
        (DATA, "gzip"),
        (gzip.compress(DATA)[:-1], "gzip"),
        (gzip.compress(DATA) + b"x", "gzip"),
        (gzip.compress(DATA)[:-8] + bytes(8), "gzip"),
        (zlib.compress(DATA)[:-4], "deflate"),
        (zlib.compress(DATA)[2:-4], "deflate"),
        (gzip.compress(DATA), "deflate"),
    ],
    ids=["empty", "plain", "cut", "longer", "checksum", "cut zlib", "raw deflate", "other"],
)
def test_damaged_bodies_are_refused(data: bytes, encoding: str) -> None:
    with pytest.raises(CallRejected):
        decompressed(data, encoding, 10_000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(BodyTypeUnsupported):
        decompressed(DATA, encoding, 10_000)


def test_a_body_is_never_inflated_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with pytest.raises(BodyTooLarge):
        decompressed(bomb, "gzip", 9_999_999)
    assert len(decompressed(bomb, "gzip", 10_000_000)) == 10_000_000


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0.5, deflate;q=0.9", "deflate"),
        ("gzip;q=0", None),
        ("gzip; q=0, deflate", "deflate"),
        ("br, zstd", None),
        ("*", None),
        ("identity", None),
        ("gzip;q=x", None),
        (";,;q=,", None),
    ],
)
def test_only_gzip_and_deflate_are_chosen_and_only_when_named(accept: str, chosen: str | None) -> None:
    assert chosen_encoding(accept) == chosen
