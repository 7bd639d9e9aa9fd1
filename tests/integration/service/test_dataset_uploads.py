"""Uploading datasets over HTTP, with real converter processes and a store in memory."""

import asyncio
import fcntl
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from model_store import ConversionStatus, ModelStore
from service.datasets.scratch import Scratch, sweep
from service.jobs.queue import JobQueue
from service.settings import ApiSettings
from tests.archives import huge_webp, picture, two_classes, zipped
from tests.busy_machine import PATIENCE_S
from tests.fakes import RecordingWakeUps
from tests.integration.service.uploading import ZIP, converted, converter, leftovers, upload
from worker.job_store.connection import connect
from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.jobs.states import JobState
from worker.telemetry.tracing import NoTracing

pytestmark = pytest.mark.anyio


async def test_an_upload_becomes_a_dataset_with_facts_report_and_picture(
    api: httpx.AsyncClient, settings: ApiSettings
) -> None:
    answer = await upload(api, zipped(two_classes(10) | {"dark/odd.png": b"?"}), title="Pets", licence="CC0")
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == "/datasets/pets"
    assert answer.json()["state"] == "converting"
    dataset = await converted(api)
    assert dataset["state"] == "ready", dataset
    assert (dataset["title"], dataset["licence"], dataset["built_in"]) == ("Pets", "CC0", False)
    assert dataset["classes"] == [{"label": label, "train": 8, "test": 2} for label in ("dark", "light")]
    assert dataset["image_shape"] == [12, 12, 1]
    assert len(dataset["fingerprint"]) == 64
    assert len(dataset["mean"]) == len(dataset["deviation"]) == 1
    assert dataset["report"]["skipped"] == {"not_a_picture": 1}
    assert dataset in (await api.get("/datasets")).json()["datasets"]
    picture = await api.get(dataset["preview"])
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"
    known = await api.get(dataset["preview"], headers={"If-None-Match": picture.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    async with asyncio.timeout(PATIENCE_S):
        while list((settings.datasets_path / "uploads").iterdir()):  # cleared after the dataset is announced
            await asyncio.sleep(0.02)


async def test_a_form_brings_its_options_as_fields(api: httpx.AsyncClient) -> None:
    files = {"file": ("pets.zip", zipped(two_classes()), "application/zip")}
    fields = {"name": "pets", "image_size": "20x10", "colour": "rgb", "test_share": "0.5", "seed": "7"}
    answer = await api.post("/datasets", files=files, data=fields)
    assert answer.status_code == 202, answer.text
    dataset = await converted(api)
    assert dataset["image_shape"] == [20, 10, 3]
    assert (dataset["train"], dataset["test"]) == (4, 4)
    assert dataset["options"]["seed"] == 7


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"name": "Pets"}, "name"),
        ({"name": "../x"}, "name"),
        ({"image_size": "3"}, "image_size"),
        ({"image_size": "big"}, "image_size"),
        ({"image_size": "64x9999"}, "image_size"),
        ({"colour": "blue"}, "colour"),
        ({"test_share": "1"}, "test_share"),
        ({"seed": "-1"}, "seed"),
        ({"title": "a\x07b"}, "title"),
        ({"size": "64"}, "size"),
    ],
)
async def test_an_option_that_cannot_be_is_named_before_the_body_is_read(
    api: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await api.post("/datasets", params={"name": "pets", **query}, content=unread(), headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert {tuple(error["loc"][:2]) for error in answer.json()["errors"]} == {("query", field)}


@pytest.mark.parametrize(
    ("request_options", "status", "code"),
    [
        ({"content": b"", "headers": ZIP}, 422, "upload_invalid"),
        ({"content": b"not a zip", "headers": ZIP}, 422, "archive_rejected"),
        ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, 415, "content_type_unsupported"),
        ({"content": b"x", "headers": ZIP | {"Content-Encoding": "gzip"}}, 415, "content_type_unsupported"),
        ({"data": {"title": "no file"}}, 415, "content_type_unsupported"),
        ({"content": b"cat,1,2,3\n"}, 415, "content_type_unsupported"),
        ({"content": b"PK\3"}, 422, "upload_invalid"),
        ({"files": {"archive": ("a.zip", b"PK")}}, 422, "upload_invalid"),
        ({"files": [("file", ("a.zip", b"PK")), ("file", ("b.zip", b"PK"))]}, 422, "upload_invalid"),
        ({"files": {"file": ("a.zip", b"PK")}, "data": {"title": "x" * 5000}}, 422, "upload_invalid"),
    ],
)
async def test_a_body_that_is_no_archive_is_refused_and_leaves_nothing(
    api: httpx.AsyncClient,
    settings: ApiSettings,
    store: ModelStore,
    request_options: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = await api.post("/datasets", params={"name": "pets"}, **request_options)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert leftovers(settings, store) == []


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
async def test_an_archive_whose_type_is_not_said_is_known_by_how_it_begins(
    api: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    archive = zipped(two_classes())

    async def dripping() -> AsyncIterator[bytes]:
        for start in (0, 1, 3):
            yield archive[start : {0: 1, 1: 3, 3: None}[start]]

    answer = await api.post("/datasets?name=pets", content=dripping(), headers=headers)
    assert answer.status_code == 202, answer.text
    assert (await converted(api))["state"] == "ready"


async def test_an_archive_that_breaks_a_rule_is_refused_at_once_and_leaves_nothing(
    api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore
) -> None:
    answer = await upload(api, zipped(two_classes() | {"../../evil.png": b"x"}))
    assert (answer.status_code, answer.json()["code"]) == (422, "archive_rejected")
    assert "'../../evil.png'" in answer.json()["detail"]
    assert leftovers(settings, store) == []
    assert (await api.get("/datasets/pets")).status_code == 404


async def test_a_conversion_that_fails_says_why_and_the_name_can_be_used_again(api: httpx.AsyncClient) -> None:
    archive = bytearray(zipped(two_classes(), 0))
    archive[archive.index(b"IDAT") + 6] ^= 1
    assert (await upload(api, bytes(archive))).status_code == 202
    failed = await converted(api)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "archive_rejected")
    assert "CRC-32" in failed["error"]["message"]
    assert (await api.get("/datasets/pets/preview.png")).json()["code"] == "preview_unavailable"
    job = {"architecture": "lenet5-fashion", "dataset": "pets", "epochs": 1}
    refusal = await api.post("/jobs", json=job)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "dataset_not_ready")
    assert (await upload(api, zipped(two_classes()))).status_code == 202
    assert (await converted(api))["state"] == "ready"


async def test_a_name_is_given_once(api: httpx.AsyncClient) -> None:
    for name in ("cifar10", "fashion_mnist_sample"):
        assert (await upload(api, b"unread", name=name)).json()["code"] == "dataset_exists"
    first, second = await asyncio.gather(*(upload(api, zipped(two_classes())) for _ in range(2)))
    assert 202 in {first.status_code, second.status_code}
    assert (await converted(api))["state"] == "ready"
    again = await upload(api, zipped(two_classes()))
    assert (again.status_code, again.json()["code"]) == (409, "dataset_exists")


@pytest.fixture
def settings(tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        data_dir=tmp_path,
        redis_url=f"unix://{tmp_path}/nobody-listens.sock",
        max_dataset_bytes=100_000,
        max_dataset_files=500,
    )


async def test_too_many_bytes_are_413_whether_announced_or_not(
    api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"PK\3\4" * 10_000

    assert (await upload(api, bytes(500_000))).status_code == 413
    answer = await api.post("/datasets?name=pets", content=endless(), headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert leftovers(settings, store) == []


async def test_more_uploads_than_a_process_takes_are_told_to_come_back(api: httpx.AsyncClient, app: FastAPI) -> None:
    conversions = app.state.service.conversions
    async with AsyncExitStack() as stack:
        for _ in range(16):
            await stack.enter_async_context(conversions.receiving())
        answer = await upload(api, zipped(two_classes()))
        assert (answer.status_code, answer.json()["code"]) == (503, "too_many_uploads")
        assert answer.headers["retry-after"]
    assert (await upload(api, zipped(two_classes()))).status_code == 202
    await converted(api)


async def test_slow_uploads_hold_no_slot_of_a_conversion(api: httpx.AsyncClient, settings: ApiSettings) -> None:
    is_over = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        yield b"PK\3\4"
        await is_over.wait()

    slow = [asyncio.create_task(api.post(f"/datasets?name=slow{n}", content=dripping(), headers=ZIP)) for n in range(8)]
    async with asyncio.timeout(PATIENCE_S):
        while len(list((settings.datasets_path / "uploads").glob("*/upload.zip"))) < len(slow):
            await asyncio.sleep(0.02)
        assert (await upload(api, zipped(two_classes()))).status_code == 202
        assert (await converted(api))["state"] == "ready"
    is_over.set()
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {422}


async def test_a_failed_conversion_keeps_its_report(api: httpx.AsyncClient) -> None:
    files = {"cat/1.png": picture(1), "cat/2.png": picture(2)}
    files |= {f"dog/{n}.png": picture(n)[:40] for n in range(3)}
    assert (await upload(api, zipped(files))).status_code == 202
    failed = await converted(api)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "too_few_classes")
    assert failed["report"]["skipped"] == {"damaged_picture": 3}
    assert failed["report"]["skipped_files"][0]["file"] == "dog/0.png"
    assert failed["report"]["dropped_classes"] == ["dog"]
    assert "'dog'" in failed["error"]["message"]


async def test_pictures_that_declare_too_many_pixels_fail_with_a_reason_and_a_report(
    api: httpx.AsyncClient, app: FastAPI
) -> None:
    conversions = app.state.service.conversions
    conversions.limits = conversions.limits.model_copy(update={"max_pixels": 10**9})
    huge = {f"{label}/{n}.webp": huge_webp(8192, 2929) for label in ("cat", "dog") for n in range(50)}
    assert (await upload(api, zipped(huge | {"readme.txt": b"hello"}))).status_code == 202
    failed = await converted(api)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "too_many_pixels")
    assert "CONVSERVE_MAX_DATASET_PIXELS" in failed["error"]["hint"]
    assert failed["report"]["files"] == 101
    assert failed["report"]["skipped_files"][0]["file"] == "readme.txt"


async def test_a_conversion_whose_process_is_gone_is_shown_as_interrupted(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=61)
    store.datasets.begin("pets", ConversionStatus(upload="1", started_at=begun, heartbeat_at=begun))
    answer = (await api.get("/datasets/pets")).json()
    assert (answer["state"], answer["error"]["code"]) == ("failed", "interrupted")
    assert (await upload(api, zipped(two_classes()))).status_code == 202
    assert (await converted(api))["state"] == "ready"


async def test_one_unreadable_status_is_shown_as_damage_and_hides_no_other_dataset(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    store._objects.put("datasets/pets/uploads/1/status.json", b"{")
    listed = (await api.get("/datasets")).json()["datasets"]
    assert len(listed) > 1
    assert (listed[-1]["name"], listed[-1]["error"]["code"]) == ("pets", "dataset_corrupt")
    assert "status.json" in listed[-1]["error"]["message"]
    job = {"architecture": "lenet5-fashion", "dataset": "pets", "epochs": 1}
    assert (await api.post("/jobs", json=job)).json()["code"] == "dataset_corrupt"
    assert (await upload(api, zipped(two_classes()))).status_code == 202
    assert (await converted(api))["state"] == "ready"


class ManyJobs(JobStore):
    """600 jobs wait, and the oldest needs the dataset `pets`."""

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        assert set(wanted.states) == {JobState.QUEUED, JobState.RUNNING}
        names = ["fashion_mnist"] * 599 + ["pets"]
        found = [Found(f"job-{n}", 600 - n) for n, name in enumerate(names) if name == wanted.properties["dataset"]]
        return found[:limit], len(found)


async def test_a_dataset_is_in_use_however_many_jobs_wait(
    api: httpx.AsyncClient, app: FastAPI, settings: ApiSettings, store: ModelStore
) -> None:
    now = datetime.now(UTC)
    for name in ("pets", "cars"):
        store.datasets.begin(name, ConversionStatus(upload="1", started_at=now, heartbeat_at=now))
    client = connect(settings.redis_url)
    jobs = ManyJobs(client)
    queue = JobQueue(jobs, GroupStore(client, jobs), RecordingWakeUps(), settings.redis_url, NoTracing())
    app.state.service = replace(app.state.service, queue=queue)
    refusal = await api.delete("/datasets/pets")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "dataset_in_use")
    assert "job-599" in refusal.json()["detail"]
    assert (await api.delete("/datasets/cars")).status_code == 200


async def test_the_end_of_the_service_ends_its_conversions(
    app: FastAPI, settings: ApiSettings, store: ModelStore
) -> None:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as api:
            # 8 s of work, in a converter that is stopped before it can finish: the machine may be busy.
            archive = zipped(two_classes(200))
            assert (await upload(api, archive, image_size="512")).status_code == 202
            converter().suspend()
    status = store.datasets.status("pets")
    assert status is not None
    assert (status.state, status.error and status.error.code) == ("failed", "interrupted")
    assert leftovers(settings, store) == ["pets"]


def test_what_a_killed_process_left_on_disk_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    alive, dead = Scratch(tmp_path), Scratch(tmp_path)
    dead.archive.write_bytes(b"half an archive")
    dead._lock.close()  # as the kernel does when a process ends
    assert sweep(tmp_path) == 1
    assert [folder.name for folder in tmp_path.iterdir()] == [alive.id]
    alive.remove()
    assert sweep(tmp_path / "never made") == 0


def test_a_directory_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    swept: list[int] = []

    def sweep_first(file: BinaryIO, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not swept:
            swept.append(0)
            swept[0] = sweep(tmp_path)
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    folder = Scratch(tmp_path)
    assert swept == [1]
    assert [found.name for found in tmp_path.iterdir()] == [folder.id]
    folder.remove()


async def test_a_built_in_dataset_has_all_facts_without_its_files(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/datasets/cifar10")).json()
    assert answer["available"] is False
    assert answer["built_in"] is True
    assert len(answer["mean"]) == len(answer["deviation"]) == 3
    assert len(answer["fingerprint"]) == 64
    assert answer["preview"] is None
    assert "first job" in answer["note"]
    refusal = await api.get("/datasets/cifar10/preview.png")
    assert (refusal.status_code, refusal.json()["code"]) == (404, "preview_unavailable")


async def test_the_sample_has_a_contact_sheet(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/datasets/fashion_mnist_sample")).json()
    picture = await api.get(answer["preview"])
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size[1] > 600


async def test_a_built_in_dataset_cannot_be_deleted(api: httpx.AsyncClient) -> None:
    answer = await api.delete("/datasets/cifar10")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_built_in")
