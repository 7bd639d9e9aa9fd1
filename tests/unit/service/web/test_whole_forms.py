"""A form that arrived whole is read like one that arrived in pieces, or is left to the reader of pieces."""

import random

import pytest

from service.errors import ServiceError
from service.predict.picture_forms import FIELD, PictureForm
from service.web.multipart import read_whole_form
from tests.unit.service.connections import form

MAX_PICTURES = 3
TYPE = "multipart/form-data; boundary=xyz"
GOOD, _ = form(("a.png", b"one"), ("b.png", b"two\r\n--xy"), ("", b""))


def in_pieces(content_type: str, body: bytes) -> list[tuple[str | None, bytes]] | None:
    try:
        reader = PictureForm(content_type, MAX_PICTURES, 1000)
        reader.write(body)
        return [(part.filename, bytes(part.data)) for part in reader.finish()]
    except ServiceError:
        return None


def whole(content_type: str, body: bytes) -> list[tuple[str | None, bytes]] | None:
    try:
        return read_whole_form(content_type, body, FIELD, MAX_PICTURES)
    except ServiceError:
        return None


def test_an_ordinary_form_is_read() -> None:
    expected = [("a.png", b"one"), ("b.png", b"two\r\n--xy"), ("", b"")]
    assert whole(TYPE, GOOD) == in_pieces(TYPE, GOOD) == expected


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", 'multipart/form-data; boundary="xyz"', "multipart/form-data; boundary=xyz; charset=utf-8"],
)
def test_an_unusual_type_is_left(content_type: str) -> None:
    assert whole(content_type, GOOD) is None


def test_whatever_is_damaged_is_read_equally_or_left() -> None:
    chance = random.Random(3)
    scraps = [b"--xyz", b"\r\n", b"--", b"\r\n\r\n", b"file", b"", b"--xyz\r\n", b'"', b";", b"\0"]
    n_read = 0
    for _ in range(3000):
        at, end = sorted(chance.choices(range(len(GOOD) + 1), k=2))
        body = GOOD[:at] + chance.choice(scraps) + GOOD[min(end, at + chance.randrange(6)) :]
        found = whole(TYPE, body)
        n_read += found is not None
        assert found is None or found == in_pieces(TYPE, body)
    assert n_read > 300
