"""A dry run asks neither Redis nor a worker: here there are none."""

import httpx
import pytest

from model_store import Manifest, ModelStore

pytestmark = pytest.mark.anyio
BODY = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 3, "seed": 1}


async def test_without_a_past_the_estimate_rests_on_a_constant(api: httpx.AsyncClient) -> None:
    answer = await api.post("/jobs?dry_run=true", json=BODY)
    assert answer.status_code == 200
    found = answer.json()
    (job,) = found["jobs"]
    assert job["request"]["batch_size"] == 64
    assert job["estimate"]["steps"] == 3 * 43
    assert found["time"]["runs"] == 0
    assert found["time"] == job["estimate"]["time"]


async def test_versions_that_tell_nothing_of_their_training_are_passed_over(
    api: httpx.AsyncClient, brightness: Manifest
) -> None:
    found = (await api.post("/jobs?dry_run=true", json=BODY)).json()
    assert brightness.metrics
    assert found["time"]["runs"] == 0


async def test_a_grid_takes_as_long_as_its_jobs_together(api: httpx.AsyncClient) -> None:
    found = (await api.post("/jobs?dry_run=true", json=BODY | {"grid": {"epochs": [3, 6]}})).json()
    times = [job["estimate"]["time"]["seconds"] for job in found["jobs"]]
    assert found["time"]["seconds"] == pytest.approx(sum(times))
    assert times[0] < times[1]


async def test_what_could_not_run_is_refused_all_the_same(api: httpx.AsyncClient) -> None:
    answer = await api.post("/jobs?dry_run=true", json=BODY | {"epochs": 0})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "epochs"]
    answer = await api.post("/jobs?dry_run=true", json=[])
    assert answer.status_code == 422


async def test_a_request_in_earnest_needs_the_queue(api: httpx.AsyncClient) -> None:
    for body in (BODY, BODY | {"grid": {"seed": [1, 2]}}):
        assert (await api.post("/jobs", json=body)).json()["code"] == "queue_unavailable"
    assert (await api.get("/groups")).json()["code"] == "queue_unavailable"
    assert (await api.get("/compare?jobs=a")).json()["code"] == "queue_unavailable"


async def test_a_version_that_is_to_be_continued_is_looked_up_in_the_store(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    assert not list(store.models())
    answer = await api.post("/jobs?dry_run=true", json=BODY | {"initial_model": "nobody"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "initial_model"]
