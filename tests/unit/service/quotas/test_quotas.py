"""What a key allows its owner, what the owner uses, and the refusals in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model_store import ConversionStatus, DatasetFacts, Manifest, ModelStore
from service.keys.callers import KeyScope
from service.keys.issuing import issue
from service.keys.rates import Rates
from service.settings import ApiSettings
from service.web.quota_errors import QuotaExceeded
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import grey_picture, publish
from worker.jobs.states import JobState

pytestmark = pytest.mark.anyio

QUOTAS = {"train": {"jobs": 3, "dataset_bytes": 1000, "model_bytes": 1e9}, "predict": {}}
JOB = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1}
PNG = {"Content-Type": "image/png"}
LOOKS = ("maps", "explain", "what-if")
FACTS = DatasetFacts(
    title="Pets",
    classes=("cat", "dog"),
    image_shape=(8, 8, 1),
    train_per_class=(3, 3),
    test_per_class=(1, 1),
    mean=(0.5,),
    deviation=(0.1,),
    fingerprint="ab" * 32,
    licence="CC0",
    source="made",
    options={},
    report={},
)

AsOwner = Callable[..., dict[str, str]]


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(settings.model_copy(update={"auth": "on", "quotas": QUOTAS}), store)


@pytest.fixture
def key(store: ModelStore) -> AsOwner:
    """Makes a key, and returns the header that carries it."""

    def make(name: str, scope: KeyScope = KeyScope.TRAIN, **limits: float) -> dict[str, str]:
        token, _ = issue(store.keys, name, scope, expires=None, created_by="me", limits=limits)
        return {"X-API-Key": token}

    return make


@pytest.fixture
def queue(app: FastAPI, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> dict[JobState, int]:
    """How many jobs ada has in each state; the queue itself is not there."""
    counts = {JobState.QUEUED: 0, JobState.RUNNING: 0}

    def in_queue(owner: str) -> tuple[int, float, float]:
        waiting, running = counts.values() if owner == "ada" else (0, 0)
        return waiting + running, 40.0 * waiting, 40.0

    monkeypatch.setattr(app.state.service.queue.jobs, "in_queue", in_queue)
    return counts


async def test_callers_see_who_they_are_and_what_they_use(
    api: httpx.AsyncClient, key: AsOwner, queue: dict[JobState, int], store: ModelStore
) -> None:
    version = publish(store, owner="ada")
    publish(store, owner="ben")
    queue |= {JobState.QUEUED: 2, JobState.RUNNING: 1}
    me = (await api.get("/me", headers=key("ada", jobs=9, predict_per_s=5))).json()
    assert (me["name"], me["scopes"]) == ("ada", ["predict", "read", "train"])
    assert me["limits"] == {
        "jobs": 9,
        "waiting_s": None,
        "dataset_bytes": 1000,
        "model_bytes": 1e9,
        "predict_per_s": 5,
    }
    size = sum(entry.size_bytes for entry in version.files.values())
    assert me["used"] == {"jobs": 3, "waiting_s": 80, "dataset_bytes": 0, "model_bytes": size}


async def test_a_key_that_only_predicts_sees_itself_without_a_queue(api: httpx.AsyncClient, key: AsOwner) -> None:
    me = await api.get("/me", headers=key("kiosk", KeyScope.PREDICT))
    assert (me.status_code, me.json()["scopes"]) == (200, ["predict"])
    assert me.json()["used"] == {"jobs": None, "waiting_s": None, "dataset_bytes": 0, "model_bytes": 0}


async def test_without_keys_everybody_is_local(settings: ApiSettings, store: ModelStore) -> None:
    app = app_of(settings, store)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        me = (await api.get("/me")).json()
    assert (me["name"], me["scopes"]) == ("local", ["predict", "read", "train", "admin"])
    assert set(me["limits"].values()) == {None}


@pytest.mark.parametrize(
    ("limits", "in_queue", "body", "expected"),
    [
        ({}, (2, 1), JOB, {"limit": 3, "used": 3, "retry_after_s": 40}),
        ({}, (2, 0), {**JOB, "grid": {"seed": [1, 2]}}, {"limit": 3, "used": 2, "retry_after_s": 40}),
        ({"jobs": 9, "waiting_s": 100}, (3, 0), JOB, {"limit": 100, "used": 120, "retry_after_s": 40}),
        ({"jobs": 0}, (0, 0), JOB, {"limit": 0, "used": 0, "retry_after_s": 40}),
    ],
)
async def test_jobs_beyond_a_limit_are_429(
    api: httpx.AsyncClient,
    key: AsOwner,
    queue: dict[JobState, int],
    limits: dict[str, float],
    in_queue: tuple[int, int],
    body: dict[str, Any],
    expected: dict[str, float],
) -> None:
    queue |= dict(zip(queue, in_queue, strict=True))
    answer = await api.post("/jobs", json=body, headers=key("ada", **limits))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "quota_exceeded")
    assert {name: problem[name] for name in expected} == expected
    assert answer.headers["Retry-After"] == "40"
    others = await api.post("/jobs", json=JOB, headers=key("ben", jobs=9))
    assert others.json()["code"] == "queue_unavailable", "the limits are each owner's own"


async def test_bytes_beyond_a_limit_are_403(
    api: httpx.AsyncClient, key: AsOwner, queue: dict[JobState, int], store: ModelStore, tmp_path: Path
) -> None:
    publish(store, owner="ada")
    headers = key("ada", model_bytes=10)
    answer = await api.post("/jobs", json=JOB, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "storage_exceeded")
    now = datetime.now(UTC)
    store.datasets.begin("pets", ConversionStatus(upload="1", owner="ada", started_at=now, heartbeat_at=now))
    (tmp_path / "a.npy").write_bytes(b"x" * 600)
    store.datasets.publish("pets", "1", FACTS, {"a.npy": tmp_path / "a.npy"}, "ada")
    upload = await api.post(
        "/datasets?name=more", content=b"PK" * 300, headers=headers | {"Content-Type": "application/zip"}
    )
    assert upload.status_code == 403
    problem = upload.json()
    assert [problem[name] for name in ("limit", "used", "retry_after_s")] == [1000, 600, None]


async def test_predictions_beyond_a_rate_are_429(api: httpx.AsyncClient, key: AsOwner, brightness: Manifest) -> None:
    headers = key("kiosk", KeyScope.PREDICT, predict_per_s=2) | PNG
    answers = [await api.post("/predict", content=grey_picture(1), headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers][:2] == [200, 200]
    assert answers[-1].status_code == 429
    assert answers[-1].json()["limit"] == 2
    assert (await api.post("/v1/models/brightness:predict", headers=headers)).status_code == 429
    free = key("app", KeyScope.PREDICT) | PNG
    assert (await api.post("/predict", content=grey_picture(1), headers=free)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/convolve",
        *(f"/models/brightness/{version}/{look}" for version in ("versions/1", "aliases/best") for look in LOOKS),
    ],
)
async def test_requests_that_cost_more_than_a_prediction_count_as_one(
    api: httpx.AsyncClient, key: AsOwner, brightness: Manifest, path: str
) -> None:
    headers = key("kiosk", KeyScope.READ, predict_per_s=0.001) | PNG
    first, second = [await api.post(path, content=grey_picture(1), headers=headers) for _ in range(2)]
    assert first.status_code != 429
    assert second.status_code == 429
    assert second.json()["limit"] == 0.001


async def test_reading_is_not_counted(api: httpx.AsyncClient, key: AsOwner, brightness: Manifest) -> None:
    headers = key("kiosk", KeyScope.READ, predict_per_s=0.001)
    for path in ("/models", "/models/brightness/versions/1", "/v2/models/brightness"):
        assert [(await api.get(path, headers=headers)).status_code for _ in range(2)] == [200, 200]


def test_a_bucket_fills_steadily() -> None:
    now = [0.0]
    rates = Rates(lambda: now[0])
    for _ in range(10):
        rates.take("kiosk", 10)
    with pytest.raises(QuotaExceeded) as refusal:
        rates.take("kiosk", 10)
    assert refusal.value.retry_after_s == 1
    now[0] = 0.1
    rates.take("kiosk", 10)
    with pytest.raises(QuotaExceeded):
        rates.take("kiosk", 10)
    now[0] = 100
    for _ in range(10):
        rates.take("kiosk", 10)
    with pytest.raises(QuotaExceeded):
        rates.take("kiosk", 10)
    rates.take("slow", 0.5)
    with pytest.raises(QuotaExceeded):
        rates.take("slow", 0.5)
