"""Uploads that can be resumed, on real sockets that break, with real converter processes and a store in memory."""

import asyncio
import base64
import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from model_store import DatasetStore, ModelStore, StoreUnavailable
from service.app import create_app
from service.datasets.resumable import KEPT_S, MOST_OF_ONE_KEY, MOST_UPLOADS, ResumableUploads, UploadRecord
from service.errors import TooManyUploads
from service.settings import ApiSettings
from service.web.connection_deadlines import ConnectionLimits
from service.web.connection_table import ConnectionTable
from service.web.upload_errors import UploadNotFound
from tests.archives import encoded_noise, two_classes, zipped
from tests.busy_machine import PATIENCE_S
from tests.integration.service.doors import Door, listening
from tests.integration.service.uploading import converted

pytestmark = pytest.mark.anyio

PIECE = {"Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0"}
LARGE = {f"{label}/{n}.png": encoded_noise(n + 50 * (label == "b"), 96) for label in "ab" for n in range(30)}


def metadata(**fields: str) -> dict[str, str]:
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
    return {"Upload-Metadata": ",".join(pairs), "Tus-Resumable": "1.0.0"}


async def begin(api: httpx.AsyncClient, length: int, **fields: str) -> httpx.Response:
    return await api.post("/uploads", headers={"Upload-Length": str(length), **metadata(**fields)})


async def send(api: httpx.AsyncClient, at: str, data: bytes, offset: int) -> httpx.Response:
    return await api.patch(at, content=data, headers={**PIECE, "Upload-Offset": str(offset)})


async def offset_of(api: httpx.AsyncClient, at: str) -> int:
    answer = await api.head(at, headers={"Tus-Resumable": "1.0.0"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return int(answer.headers["upload-offset"])


@pytest.fixture
async def door(settings: ApiSettings, store: ModelStore) -> AsyncIterator[Door]:
    app = create_app(settings.model_copy(update={"catalog_refresh_s": 60}), store)
    async with listening(app, ConnectionTable(ConnectionLimits())) as door:
        yield door


async def cut(door: Door, at: str, data: bytes, offset: int, n_sent: int) -> None:
    """Announce all data, send some of it, and break the connection."""
    client = await door.connect()
    sent = {"Host": "localhost", **PIECE, "Upload-Offset": offset, "Content-Length": len(data)}
    head = f"PATCH {at} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent.items()) + "\r\n"
    client.send(head.encode() + data[:n_sent])
    await client.writer.drain()
    await asyncio.sleep(0.02)
    client.leave()


@pytest.mark.parametrize("cuts", [6, pytest.param(100, marks=pytest.mark.long)])
async def test_an_upload_that_is_cut_again_and_again_sends_no_byte_twice(door: Door, cuts: int) -> None:
    archive = zipped(LARGE)
    chance = random.Random(cuts)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}") as api:
        at = (await begin(api, len(archive), name="pets")).headers["location"]
        offset, sent = 0, 0
        for _ in range(cuts):
            n = chance.randrange(1, max(2, (len(archive) - offset) // (cuts // 2)))
            await cut(door, at, archive[offset:], offset, n)
            sent += n
            offset = await settled_offset(api, at, offset + n)
        assert sent == offset > 0
        answer = await send(api, at, archive[offset:], offset)
        assert (answer.status_code, answer.headers["location"]) == (204, "/datasets/pets"), answer.text
        dataset = await converted(api)
        assert (dataset["state"], dataset["train"] + dataset["test"]) == ("ready", 60)


async def settled_offset(api: httpx.AsyncClient, at: str, expected: int) -> int:
    """The offset once the server has noticed that the connection is gone, and written what came."""
    async with asyncio.timeout(PATIENCE_S):
        while (offset := await offset_of(api, at)) < expected:
            await asyncio.sleep(0.01)
        while (await send(api, at, b"", offset)).status_code == 423:
            await asyncio.sleep(0.01)
    return offset


async def test_an_upload_goes_through_in_pieces_and_leaves_nothing(
    api: httpx.AsyncClient, settings: ApiSettings
) -> None:
    archive = zipped(two_classes())
    answer = await begin(api, len(archive), name="pets", title="My pets", filename="pets.zip")
    assert (answer.status_code, answer.headers["tus-resumable"]) == (201, "1.0.0")
    at = answer.headers["location"]
    for start in range(0, len(archive), 500):
        assert await offset_of(api, at) == start
        answer = await send(api, at, archive[start : start + 500], start)
        assert answer.status_code == 204, answer.text
    assert answer.headers["location"] == "/datasets/pets"
    dataset = await converted(api)
    assert (dataset["state"], dataset["title"]) == ("ready", "My pets")
    assert (await api.head(at)).status_code == 404
    assert list((settings.datasets_path / "resumable").iterdir()) == []


async def test_pictures_are_added_to_a_dataset_in_pieces(api: httpx.AsyncClient) -> None:
    archive = zipped(two_classes(5))
    at = (await begin(api, len(archive), name="pets")).headers["location"]
    await send(api, at, archive, 0)
    await converted(api)
    more = zipped({f"dark/{n}.png": encoded_noise(n) for n in range(3)})
    at = (await begin(api, len(more), add_to="pets")).headers["location"]
    assert (await send(api, at, more, 0)).status_code == 204
    async with asyncio.timeout(PATIENCE_S):
        while (dataset := (await api.get("/datasets/pets")).json())["addition"]:
            await asyncio.sleep(0.05)
    assert [one["version"] for one in dataset["versions"]] == [1, 2]
    assert (await begin(api, 10, add_to="cats")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Upload-Offset": "3"}, 409, "offset_conflict"),
        ({"Upload-Offset": None}, 409, "offset_conflict"),
        ({"Content-Type": "application/zip"}, 415, "content_type_unsupported"),
        ({"Content-Type": None}, 415, "content_type_unsupported"),
        ({"Tus-Resumable": "0.2.2"}, 412, "tus_unsupported"),
    ],
)
async def test_a_piece_that_does_not_fit_is_refused(
    api: httpx.AsyncClient, changes: dict[str, Any], status: int, code: str
) -> None:
    at = (await begin(api, 100, name="pets")).headers["location"]
    headers = {name: value for name, value in {**PIECE, "Upload-Offset": "0", **changes}.items() if value is not None}
    answer = await api.patch(at, content=b"x" * 10, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "got ." not in answer.json()["detail"]
    assert await offset_of(api, at) == 0


async def test_more_bytes_than_announced_are_refused(api: httpx.AsyncClient) -> None:
    at = (await begin(api, 100, name="pets")).headers["location"]
    assert (await send(api, at, b"x" * 101, 0)).status_code == 413
    assert await offset_of(api, at) == 0


async def test_what_cannot_be_is_refused_before_a_byte_is_sent(api: httpx.AsyncClient, settings: ApiSettings) -> None:
    too_many = settings.max_dataset_bytes + 1
    assert (await begin(api, too_many, name="pets")).status_code == 413
    assert (await begin(api, 100, name="../pets")).status_code == 422
    assert (await begin(api, 100, name="pets", colours="all")).status_code == 422
    assert (await begin(api, 100, name="cifar10")).status_code == 409
    assert (await api.post("/uploads", headers=metadata(name="pets"))).status_code == 422
    no_base64 = {"Upload-Length": "9", "Upload-Metadata": "name ???"}
    assert (await api.post("/uploads", headers=no_base64)).status_code == 422
    twice = {"Upload-Length": "9", "Upload-Metadata": "name cGV0cw==,name Y2F0cw=="}
    assert "twice" in (await api.post("/uploads", headers=twice)).json()["detail"]
    described = await api.options("/uploads")
    assert described.headers["tus-max-size"] == str(settings.max_dataset_bytes)
    assert "termination" in described.headers["tus-extension"]


async def test_an_archive_that_breaks_a_rule_is_refused_with_its_last_piece(
    api: httpx.AsyncClient, settings: ApiSettings
) -> None:
    data = os.urandom(1000)
    at = (await begin(api, len(data), name="pets")).headers["location"]
    assert (await send(api, at, data[:600], 0)).status_code == 204
    refusal = await send(api, at, data[600:], 600)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "archive_rejected")
    assert (await api.head(at)).status_code == 404
    assert list((settings.datasets_path / "resumable").iterdir()) == []


async def test_an_upload_can_be_given_up_and_expires(api: httpx.AsyncClient, settings: ApiSettings) -> None:
    at = (await begin(api, 100, name="pets")).headers["location"]
    assert (await api.delete(at)).status_code == 204
    assert (await api.delete(at)).status_code == 404
    at = (await begin(api, 100, name="pets")).headers["location"]
    archive = settings.datasets_path / "resumable" / Path(at).name / "archive"
    long_ago = time.time() - KEPT_S - 1
    os.utime(archive, (long_ago, long_ago))
    assert (await api.head(at)).status_code == 404
    assert not archive.exists()


async def test_there_are_not_too_many_uploads_at_once(api: httpx.AsyncClient) -> None:
    for _ in range(MOST_UPLOADS):
        assert (await begin(api, 10, name="pets")).status_code == 201
    assert (await begin(api, 10, name="pets")).json()["code"] == "too_many_uploads"


def test_one_key_leaves_uploads_to_the_others(tmp_path: Path) -> None:
    uploads = ResumableUploads(tmp_path)
    for _ in range(MOST_OF_ONE_KEY):
        uploads.create(UploadRecord(owner="ann", length=10, options={}))
    with pytest.raises(TooManyUploads):
        uploads.create(UploadRecord(owner="ann", length=10, options={}))
    uploads.create(UploadRecord(owner="ben", length=10, options={}))


def test_an_upload_that_another_request_has_just_removed_is_not_found(tmp_path: Path) -> None:
    found = ResumableUploads(tmp_path).create(UploadRecord(owner="ann", length=10, options={}))
    found.remove()
    assert found.left_bytes == 0
    for look in (lambda: found.offset, lambda: found.expires_at, lambda: found.locked().__enter__()):
        with pytest.raises(UploadNotFound):
            look()


@pytest.mark.parametrize("has_links", [True, False])
async def test_what_is_not_the_archives_fault_loses_none_of_its_bytes(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("s3://bucket", "connection reset")

    def refuse(*_: object) -> None:
        raise PermissionError

    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    archive = zipped(two_classes())
    at = (await begin(api, len(archive), name="pets")).headers["location"]
    with monkeypatch.context() as gone:
        gone.setattr(DatasetStore, "begin", fail)
        assert (await send(api, at, archive, 0)).json()["code"] == "store_unavailable"
    assert await offset_of(api, at) == len(archive)
    answer = await send(api, at, b"", len(archive))
    assert (answer.status_code, answer.headers["location"]) == (204, "/datasets/pets"), answer.text
    assert (await converted(api))["state"] == "ready"
    assert (await api.head(at)).status_code == 404


@pytest.mark.parametrize("upload", ["x", "0" * 32, "..%2f..", "é" * 32])
async def test_an_unknown_upload_is_not_found(api: httpx.AsyncClient, upload: str) -> None:
    assert (await api.get(f"/uploads/{upload}")).status_code == 404
