"""Ranges of stored files: what is asked for is sent, and nothing that was not checked."""

from collections.abc import Iterator

import httpx
import pytest

from model_store import Manifest, ModelStore
from model_store.layout import file_path
from service.errors import RangeNotSatisfiable
from service.web.byte_ranges import ByteRange, Conditions
from tests.unit.service.tiny_networks import brightness_network, publish

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(100))
FILE = "/models/brightness/versions/1/files/curves.png"
ETAG = '"tag"'


@pytest.fixture
def stored(store: ModelStore) -> Manifest:
    return publish(store, files={"model.onnx": brightness_network(), "curves.png": CONTENT})


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=90-", 90, 100),
        ("bytes=90-999", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-999", 0, 100),
        ("BYTES= 1-2 ", 1, 3),
    ],
)
async def test_a_range_is_206_with_its_bytes(
    api: httpx.AsyncClient, stored: Manifest, asked: str, start: int, stop: int
) -> None:
    answer = await api.get(FILE, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/100"
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.headers["ETag"] == f'"{stored.files["curves.png"].sha256}"'
    assert answer.headers["Content-Type"] == "image/png"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2;x", "0-5"]
)
async def test_a_range_that_is_none_is_ignored(api: httpx.AsyncClient, asked: str) -> None:
    answer = await api.get(FILE, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=200-300", "bytes=-0"])
async def test_a_range_behind_the_end_is_416_with_the_size(api: httpx.AsyncClient, asked: str) -> None:
    answer = await api.get(FILE, headers={"Range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */100"


async def test_a_range_of_another_file_gets_the_whole_one(api: httpx.AsyncClient, stored: Manifest) -> None:
    etag = f'"{stored.files["curves.png"].sha256}"'
    for if_range, status in ((etag, 206), (f"W/{etag}", 200), ('"other"', 200), ("Wed, 25 Nov 2026 23:00:00 GMT", 200)):
        answer = await api.get(FILE, headers={"Range": "bytes=1-2", "If-Range": if_range})
        assert answer.status_code == status


@pytest.mark.usefixtures("stored")
async def test_the_manifest_has_ranges_too(api: httpx.AsyncClient) -> None:
    path = "/models/brightness/versions/1/files/manifest.json"
    whole = (await api.get(path)).content
    answer = await api.get(path, headers={"Range": "bytes=2-5"})
    assert (answer.status_code, answer.content) == (206, whole[2:6])


async def test_a_range_of_a_damaged_file_is_refused_even_if_its_own_bytes_are_right(
    api: httpx.AsyncClient, store: ModelStore, stored: Manifest
) -> None:
    store._objects.put(file_path("brightness", 1, "curves.png"), CONTENT[:-1] + b"?")
    answer = await api.get(FILE, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.json()["code"]) == (503, "artifact_corrupt")
    assert stored.version == 1


def test_the_last_bytes_of_a_range_wait_for_the_end_of_the_file() -> None:
    read: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(5):
            read.append(number)
            yield bytes([number]) * 4

    part = ByteRange(5, 13, 20).of(chunks())
    assert next(part) == b"\1\1\1"
    assert read == [0, 1, 2]
    assert [*part] == [b"\2\2\2\2", b"\3"]
    assert read == [0, 1, 2, 3, 4]


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(RangeNotSatisfiable):
        Conditions(range="bytes=0-").byte_range(ETAG, 0)
