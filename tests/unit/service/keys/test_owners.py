"""Reading is shared; what belongs to one key is changed with that key, or with an admin's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from model_store import ConversionStatus, ModelStore
from service.keys.callers import KeyScope
from service.settings import ApiSettings
from service.splits.choosing import place_of
from tests.unit.service.apps import app_of
from tests.unit.service.keys.callers_of_tests import clients_with, made
from tests.unit.service.tiny_networks import grey_picture, publish
from worker.jobs.plan import plan as training_plan
from worker.jobs.records import JobRecord
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(settings.model_copy(update={"auth": "on"}), store)


@pytest.fixture
async def callers(app: FastAPI, store: ModelStore) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Clients with the keys of two students, of an admin, and of somebody who may only read."""
    keys = {name: made(store, name, KeyScope.TRAIN) for name in ("ada", "ben")}
    keys |= {"me": made(store, "me", KeyScope.ADMIN), "eve": made(store, "eve", KeyScope.READ)}
    async with app.router.lifespan_context(app):
        yield clients_with(keys, app)


@pytest.fixture
def adas_job() -> JobRecord:
    plan = training_plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=1))
    return JobRecord(id="job-1", state=JobState.FAILED, request=plan, owner="ada", created_at=datetime.now(UTC))


async def codes(
    callers: dict[str, httpx.AsyncClient], method: str, path: str, *names: str, **more: object
) -> list[str]:
    """What each caller is told: the code of a problem, or the status."""
    answers = [await callers[name].request(method, path, **more) for name in names]  # type: ignore[arg-type]
    return [answer.json()["code"] if answer.status_code >= 400 else str(answer.status_code) for answer in answers]


async def test_models_and_versions_are_deleted_by_their_owner_or_an_admin(
    callers: dict[str, httpx.AsyncClient], store: ModelStore
) -> None:
    publish(store, owner="ada", tags=("week-3",), note="a try")
    publish(store, owner="ben")
    model = (await callers["eve"].get("/models/brightness")).json()
    assert model["owner"] == "ada"
    assert [(line["owner"], line["tags"], line["note"]) for line in model["versions"]] == [
        ("ada", ["week-3"], "a try"),
        ("ben", [], None),
    ]
    first, second = (f"/models/brightness/versions/{number}" for number in (1, 2))
    assert await codes(callers, "DELETE", first, "eve", "ben") == ["scope_missing", "not_owner"]
    assert await codes(callers, "DELETE", second, "ada") == ["not_owner"]
    assert await codes(callers, "DELETE", "/models/brightness", "ben", "ada") == ["not_owner", "not_owner"]
    assert await codes(callers, "DELETE", second, "ben") == ["200"]
    assert await codes(callers, "DELETE", "/models/brightness", "ada") == ["200"]
    publish(store, owner="ada")
    assert await codes(callers, "DELETE", "/models/brightness", "ben", "me") == ["not_owner", "200"]


async def test_aliases_are_moved_by_the_owner_of_the_model_or_between_ones_own_versions(
    callers: dict[str, httpx.AsyncClient], store: ModelStore
) -> None:
    for owner in ("ada", "ben", "ben"):
        publish(store, owner=owner)
    alias, to = "/models/brightness/aliases/best-of-ben", [{"version": number} for number in (1, 2, 3)]
    assert await codes(callers, "PUT", alias, "ben", json=to[0]) == ["not_owner"]
    assert await codes(callers, "PUT", alias, "ben", json=to[1]) == ["200"]
    assert await codes(callers, "PUT", alias, "ben", json=to[2]) == ["200"]
    assert await codes(callers, "PUT", alias, "ada", json=to[0]) == ["200"], "the model is hers"
    assert await codes(callers, "PUT", alias, "ben", json=to[1]) == ["not_owner"], "it points at a version of hers"
    assert await codes(callers, "DELETE", alias, "ben", "eve", "me") == ["not_owner", "scope_missing", "204"]


async def test_a_canary_or_a_shadow_needs_the_same_right_and_a_key_keeps_its_version(
    callers: dict[str, httpx.AsyncClient], store: ModelStore
) -> None:
    for owner in ("ada", "ben", "ben"):
        publish(store, owner=owner)
    alias = "/models/brightness/aliases/live"
    with_adas, own = ({"version": 2, "shadow": {"version": number}} for number in (1, 3))
    assert await codes(callers, "PUT", alias, "ben", "eve", json=with_adas) == ["not_owner", "scope_missing"]
    assert await codes(callers, "PUT", alias, "ben", json=own) == ["200"]
    await callers["ada"].put(alias, json={"version": 2, "canary": {"version": 3, "weight": 0.5}})
    for name in ("ada", "ben", "eve", "me"):
        expected = 3 if place_of("brightness", "live", name.encode()) < 0.5 else 2
        sent = {"content": grey_picture(3), "headers": {"Content-Type": "image/png"}}
        answers = [(await callers[name].post(f"{alias}/predict", **sent)).json() for _ in range(4)]  # type: ignore[arg-type]
        assert {answer["version"] for answer in answers} == {expected}


async def test_a_model_published_before_there_were_owners_belongs_to_local(
    callers: dict[str, httpx.AsyncClient], store: ModelStore
) -> None:
    publish(store)
    assert (await callers["ada"].get("/models/brightness")).json()["owner"] == "local"
    assert await codes(callers, "DELETE", "/models/brightness", "ada", "me") == ["not_owner", "200"]


async def test_datasets_are_deleted_by_their_owner_or_an_admin(
    app: FastAPI, callers: dict[str, httpx.AsyncClient], store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unused(*_: object) -> None:
        """Redis, which knows whether a job uses the dataset, is not there."""

    monkeypatch.setattr("service.routes.datasets._refuse_used", unused)
    now = datetime.now(UTC)
    for name, owner in (("pets", "ada"), ("shoes", "ada")):
        store.datasets.begin(name, ConversionStatus(upload="1", owner=owner, started_at=now, heartbeat_at=now))
    assert (await callers["ben"].get("/datasets/pets")).json()["owner"] == "ada"
    assert await codes(callers, "DELETE", "/datasets/pets", "ben", "ada", "ada") == [
        "not_owner",
        "200",
        "dataset_not_found",
    ]
    assert await codes(callers, "DELETE", "/datasets/shoes", "me") == ["200"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/jobs/job-1/cancel"), ("DELETE", "/jobs/job-1")])
async def test_jobs_are_cancelled_and_forgotten_by_their_owner_or_an_admin(
    app: FastAPI,
    callers: dict[str, httpx.AsyncClient],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    adas_job: JobRecord,
) -> None:
    jobs = app.state.service.queue.jobs
    for name in ("get", "cancel", "forget"):
        monkeypatch.setattr(jobs, name, lambda *_: adas_job)
    assert await codes(callers, method, path, "eve", "ben") == ["scope_missing", "not_owner"]
    assert all(int(status) < 300 for status in await codes(callers, method, path, "ada", "me"))
