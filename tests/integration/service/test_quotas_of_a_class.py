"""A class on a real stack of two API processes: what keys allow, at every door and when many ask at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from model_store import ModelStore, open_store
from tests.archives import two_classes, zipped
from tests.busy_machine import PATIENCE_S, is_within, settings_when_busy, wait_until
from tests.integration.test_label_studio import CONFIG, annotated
from tests.promises.processes import trainer_of
from tests.running import Stack, running_stack
from tests.unit.service.tiny_networks import publish
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest

ADMIN_KEY = "the-admin-key-of-a-test"
JOB = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1000}
REVOKED_WITHIN_S = 2.0
ZIP = {"Content-Type": "application/zip"}

AsOwner = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data_dir = tmp_path_factory.mktemp("class")
    settings = {
        "CONVSERVE_ADMIN_KEY": ADMIN_KEY,
        "CONVSERVE_API_WORKERS": "2",
        "CONVSERVE_SPARE_TRAINER": "false",  # one training is begun
        "CONVSERVE_STALL_TIMEOUT_S": "3600",  # and stands still
    } | settings_when_busy()
    with running_stack(data_dir / "data", log=data_dir / "log.txt", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def store(stack: Stack) -> ModelStore:
    return open_store(str(stack.data_dir / "store"))


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, headers={"X-API-Key": ADMIN_KEY}, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def busy_worker(admin: httpx.Client) -> Iterator[None]:
    """The only worker has a long training, so that what others queue waits; it stands still and costs no processor."""
    job = admin.post("/jobs", json=JOB).json()["id"]

    def log() -> str:
        return admin.get(f"/jobs/{job}/log").text

    wait_until(lambda: "trainer " in log(), PATIENCE_S, log)
    trainer = trainer_of(admin, job)
    trainer.suspend()
    yield
    trainer.resume()


@pytest.fixture
def key(stack: Stack, admin: httpx.Client) -> Iterator[AsOwner]:
    """Makes keys, and returns clients that send them; each connection may reach another of the processes."""
    with ExitStack() as opened:

        def make(name: str, scope: str = "train", **limits: float) -> httpx.Client:
            made = admin.post("/keys", json={"name": name, "scope": scope, "limits": limits})
            assert made.status_code == 201, made.text
            headers = {"X-API-Key": made.json()["key"], "Connection": "close"}
            return opened.enter_context(httpx.Client(base_url=stack.url, headers=headers, timeout=30))

        yield make


def at_once(n: int, ask: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(ask, range(n)))


def quota(problem: dict[str, Any]) -> list[Any]:
    return [problem["code"], problem["limit"], problem["used"]]


@pytest.mark.usefixtures("busy_worker")
def test_of_jobs_submitted_at_once_exactly_as_many_are_queued_as_the_key_allows(key: AsOwner) -> None:
    ada = key("ada", jobs=5)
    answers = at_once(16, lambda _: ada.post("/jobs", json=JOB))
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 11
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert quota(refused.json()) == ["quota_exceeded", 5, 5]
    assert int(refused.headers["Retry-After"]) == refused.json()["retry_after_s"] >= 1
    assert ada.get("/me").json()["used"]["jobs"] == 5
    accepted = next(answer.json()["id"] for answer in answers if answer.status_code == 202)
    ada.post(f"/jobs/{accepted}/cancel")
    grid = ada.post("/jobs", json={**JOB, "grid": {"seed": [1, 2]}})
    assert quota(grid.json()) == ["quota_exceeded", 5, 4]
    assert ada.post("/jobs", json=JOB).status_code == 202


@pytest.mark.usefixtures("busy_worker")
def test_of_grids_submitted_at_once_only_those_are_queued_that_fit_whole(key: AsOwner) -> None:
    ben = key("ben", jobs=7)
    answers = at_once(4, lambda _: ben.post("/jobs", json={**JOB, "grid": {"seed": [1, 2, 3]}}))
    assert sorted(answer.status_code for answer in answers) == [202, 202, 429, 429]
    assert ben.get("/me").json()["used"]["jobs"] == 6
    group = next(answer.json()["id"] for answer in answers if answer.status_code == 202)
    more = at_once(3, lambda seed: ben.post(f"/groups/{group}/jobs", json={**JOB, "seed": 100 + seed}))
    assert sorted(answer.status_code for answer in more) == [202, 429, 429]


@pytest.mark.usefixtures("busy_worker")
def test_a_repetition_is_answered_beyond_the_limit_too(key: AsOwner) -> None:
    cem = key("cem", jobs=1)
    answers = at_once(6, lambda _: cem.post("/jobs", json=JOB, headers={"Idempotency-Key": "once"}))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert cem.post("/jobs", json=JOB, headers={"Idempotency-Key": "twice"}).status_code == 429


@pytest.mark.usefixtures("busy_worker")
def test_seconds_of_waiting_jobs_are_limited_too(key: AsOwner) -> None:
    each_s = key("asks").post("/jobs?dry_run=true", json=JOB).json()["time"]["seconds"]  # nothing has been trained yet
    dora = key("dora", waiting_s=2.5 * each_s)
    answers = at_once(6, lambda _: dora.post("/jobs", json=JOB))
    assert sorted(answer.status_code for answer in answers) == [202] * 2 + [429] * 4
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert quota(refused.json()) == ["quota_exceeded", 2.5 * each_s, pytest.approx(2 * each_s)]
    assert dora.get("/me").json()["used"]["waiting_s"] == pytest.approx(2 * each_s)
    assert dora.post("/jobs", json={**JOB, "epochs": 1}).status_code == 202, "a short job counts little"


@pytest.mark.usefixtures("busy_worker")
def test_recording_a_version_is_a_job_that_counts(key: AsOwner, store: ModelStore) -> None:
    eve = key("eve", jobs=1)
    recipe = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=1))
    old = publish(
        store,
        "of-eve",
        owner="eve",
        dataset="fashion_mnist_sample",
        recipe=recipe.model_dump(mode="json"),
        architecture={"layers": [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]},
    )
    address = f"/models/of-eve/versions/{old.version}/record"
    wait_until(lambda: eve.get("/models/of-eve").status_code == 200, PATIENCE_S)
    assert [eve.post(address).status_code for _ in range(2)] == [202, 429]
    assert quota(eve.post(address).json()) == ["quota_exceeded", 1, 1]


@pytest.mark.usefixtures("busy_worker")
def test_a_training_of_label_studio_is_a_job_of_its_caller_that_counts(key: AsOwner) -> None:
    fay, project = key("fay", jobs=1), {"id": 77, "label_config": CONFIG}
    for number in range(18):
        assert fay.post("/webhook", json=annotated(number, project)).json()["status"] == "noted"
    begin = {"action": "START_TRAINING", "project": project}
    assert fay.post("/webhook", json=begin).json()["status"] == "training"
    wait_until(lambda: fay.get("/me").json()["used"]["jobs"] == 1, PATIENCE_S)
    assert [job["owner"] for job in fay.get("/jobs?model=label-studio-77").json()["jobs"]] == ["fay"]
    stranger = key("fritz")
    taken = {"project": "77", "schema": CONFIG, "extra_params": {"model": "of-fritz"}}
    for address, body in (("/setup", taken), ("/webhook", begin), ("/webhook", annotated(1, project))):
        assert stranger.post(address, json=body).json()["code"] == "not_owner"
    mine = [found for found in fay.get("/datasets").json()["datasets"] if found["owner"] == "fay"]
    assert len(mine) == 1
    assert quota(fay.post("/webhook", json=begin).json()) == ["quota_exceeded", 1, 1]
    assert fay.post("/webhook", json=annotated(18, project)).json()["status"] == "noted"


def test_of_datasets_uploaded_at_once_no_more_are_stored_than_the_key_allows(key: AsOwner) -> None:
    archive = zipped(two_classes(40))
    gil = key("gil", dataset_bytes=1.5 * len(archive))
    answers = at_once(
        3, lambda number: gil.post(f"/datasets?name=gil-{number}&image_size=4", content=archive, headers=ZIP)
    )
    assert {answer.status_code for answer in answers} <= {202, 403}
    assert sum(answer.status_code == 202 for answer in answers) <= 1
    refused = next(answer.json() for answer in answers if answer.status_code == 403)
    assert (refused["code"], refused["limit"]) == ("storage_exceeded", 1.5 * len(archive))
    assert gil.get("/me").json()["used"]["dataset_bytes"] <= 1.5 * len(archive)


def test_a_dataset_that_grows_beyond_the_limit_fails_and_leaves_nothing(key: AsOwner) -> None:
    archive = zipped(two_classes(40))
    hal = key("hal", dataset_bytes=2 * len(archive))
    upload = hal.post("/datasets?name=hal&image_size=128", content=archive, headers=ZIP)
    assert upload.status_code == 202
    wait_until(lambda: hal.get("/datasets/hal").json()["state"] != "converting", PATIENCE_S)
    failed = hal.get("/datasets/hal").json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "storage_exceeded")
    assert hal.get("/me").json()["used"]["dataset_bytes"] == 0


def test_bytes_of_versions_are_limited(key: AsOwner, store: ModelStore) -> None:
    ida = key("ida", model_bytes=10)
    publish(store, "of-ida", owner="ida")

    def counted() -> int:
        return int(ida.get("/me").json()["used"]["model_bytes"])

    wait_until(lambda: min(counted() for _ in range(6)) > 10, PATIENCE_S)  # each process has read the store again
    for body in (JOB, {**JOB, "grid": {"seed": [1, 2]}}):
        problem = ida.post("/jobs", json=body).json()
        assert (problem["code"], problem["limit"], problem["retry_after_s"]) == ("storage_exceeded", 10, None)


def test_predictions_are_limited_at_every_door(key: AsOwner) -> None:
    for number, door in enumerate(
        ("/predict", "/models/none/predict", "/v1/models/none:predict", "/v2/models/none/infer", "/invocations", "/")
    ):
        app = key(f"app-{number}", "predict", predict_per_s=0.1)
        answers = at_once(6, lambda _, app=app, door=door: app.post(door, content=b"{}"))  # type: ignore[misc]
        assert sum(answer.status_code == 429 for answer in answers) >= 4, door  # each of two processes lets one pass


def test_of_keys_made_at_once_under_one_name_one_is_made(admin: httpx.Client) -> None:
    answers = at_once(8, lambda _: admin.post("/keys", json={"name": "twin", "scope": "read"}))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    token = next(answer.json()["key"] for answer in answers if answer.status_code == 201)
    assert admin.get("/jobs", headers={"X-API-Key": token}).status_code == 200


def test_streams_of_a_key_end_within_two_seconds_of_its_end(key: AsOwner, admin: httpx.Client) -> None:
    jan = key("jan", "read")

    def read_to_the_end(_: int) -> float:
        with jan.stream("GET", "/events", timeout=PATIENCE_S) as answer:
            assert answer.status_code == 200
            list(answer.iter_raw())
        return time.monotonic()

    with ThreadPoolExecutor(4) as threads:
        ends = [threads.submit(read_to_the_end, number) for number in range(4)]
        time.sleep(0.5)
        assert not any(end.done() for end in ends)
        revoked_at = time.monotonic()
        assert admin.delete("/keys/jan").status_code in {200, 204}
        took_s = max(end.result() for end in ends) - revoked_at
    assert is_within(took_s, REVOKED_WITHIN_S), took_s
    # All streams may have been in the process that revoked the key; the other one reads the keys once a second.
    wait_until(lambda: jan.get("/jobs").status_code == 401, PATIENCE_S)
    took_s = time.monotonic() - revoked_at
    assert is_within(took_s, REVOKED_WITHIN_S), took_s
