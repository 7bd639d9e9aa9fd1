"""A question asked as one request, and its answer: grid, group, dry run and comparison over HTTP, really trained."""

import io
import json
import shlex
import time
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.busy_machine import is_within
from tests.running import wait_for

SMALL = {
    "architecture": "lenet5-fashion",
    "dataset": "fashion_mnist_sample",
    "epochs": 1,
    "train_samples": 300,
    "validation": "test",
    "optimizer": "adam",
    "batch_size": 32,
}
GRID = {"overrides.activation": ["tanh", "relu"], "seed": [1, 2]}


@pytest.fixture(scope="module")
def group(api: httpx.Client) -> dict[str, Any]:
    """A group whose four jobs have ended."""
    answer = api.post("/jobs", json=SMALL | {"grid": GRID})
    assert answer.status_code == 202, answer.text
    group: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/groups/{group['id']}"
    for job in group["jobs"]:
        wait_for(api, job["id"])
    ended: dict[str, Any] = api.get(f"/groups/{group['id']}").json()
    return ended


def test_a_grid_is_a_group_of_trainings(api: httpx.Client, group: dict[str, Any]) -> None:
    assert group["finished"]
    assert group["counts"]["succeeded"] == 4
    assert (group["progress"], group["eta_s"]) == (1.0, 0.0)
    assert [job["varied"]["overrides.activation"] for job in group["jobs"]] == ["tanh", "tanh", "relu", "relu"]
    assert group["best"]["value"] == max(job["model"]["test_accuracy"] for job in group["jobs"])
    assert group["best"]["metric"] == "test_accuracy"
    one = api.get(f"/jobs/{group['jobs'][3]['id']}").json()
    assert (one["group"], one["varied"]) == (group["id"], {"overrides.activation": "relu", "seed": 2})
    assert api.get("/jobs", params={"group": group["id"]}).json()["total"] == 4
    assert group["id"] in [line["id"] for line in api.get("/groups").json()["groups"]]


def test_a_group_is_compared(api: httpx.Client, group: dict[str, Any]) -> None:
    found = api.get("/compare", params={"group": group["id"]}).json()
    assert found["differ"] == {"overrides.activation": ["tanh", "relu"]}
    assert found["same"]["train_samples"] == 300
    assert {setting["label"] for setting in found["settings"]} == {"tanh", "relu"}
    for setting in found["settings"]:
        accuracies = [job["model"]["test_accuracy"] for job in group["jobs"] if job["id"] in setting["jobs"]]
        assert setting["metrics"]["test_accuracy"]["mean"] == pytest.approx(sum(accuracies) / 2)
        assert setting["metrics"]["test_accuracy"]["n"] == 2
        assert setting["parameters"] == 61_610
    assert found["verdict"]["leader"] in found["verdict"]["text"]
    assert found["verdict"]["differences"][0]["low"] < found["verdict"]["differences"][0]["high"]
    picture = api.get("/compare.png", params={"group": group["id"]})
    assert Image.open(io.BytesIO(picture.content)).width == 1100


def test_two_runs_get_a_command_that_would_tell_more(api: httpx.Client, group: dict[str, Any]) -> None:
    ids = f"{group['jobs'][0]['id']},{group['jobs'][2]['id']}"
    found = api.get("/compare", params={"jobs": ids}).json()
    assert found["verdict"]["kind"] == "cannot_tell"
    curl, _, url, flag, body = shlex.split(found["next_commands"][0])
    assert (curl, flag) == ("curl", "--json")
    dry = api.post(url + "?dry_run=true", json=json.loads(body))
    assert [job["varied"]["seed"] for job in dry.json()["jobs"]] == [2, 3, 2, 3]


def test_a_group_grows_by_the_command_that_its_comparison_gives(api: httpx.Client, group: dict[str, Any]) -> None:
    found = api.get("/compare", params={"group": group["id"], "metric": "test_loss"}).json()
    assert found["verdict"]["grown"] == 0
    more = SMALL | {"overrides": {"activation": "relu"}, "seed": 3}
    dry = api.post(f"/groups/{group['id']}/jobs?dry_run=true", json=more)
    assert (dry.status_code, len(dry.json()["jobs"])) == (200, 1)
    answer = api.post(f"/groups/{group['id']}/jobs", json=more)
    assert answer.status_code == 202, answer.text
    grown = answer.json()
    assert [addition["jobs"] for addition in grown["additions"]] == [1]
    assert grown["jobs"][4]["varied"] == {"overrides.activation": "relu", "seed": 3}
    found = api.get("/compare", params={"group": group["id"]}).json()
    assert found["verdict"]["grown"] == 1
    assert "The group has grown: 1 run was added later." in found["verdict"]["text"]
    wait_for(api, grown["jobs"][4]["id"])
    found = api.get("/compare", params={"group": group["id"]}).json()
    assert {setting["label"]: len(setting["seeds"]) for setting in found["settings"]} == {"tanh": 2, "relu": 3}
    for command in found["next_commands"]:
        assert shlex.split(command)[2].endswith(f"/groups/{group['id']}/jobs")
    assert api.post("/groups/nobody/jobs", json=more).json()["code"] == "group_not_found"
    full = api.post(f"/groups/{group['id']}/jobs", json=SMALL | {"grid": {"seed": list(range(96))}})
    assert (full.status_code, full.json()["code"]) == (409, "group_full")


def test_what_cannot_be_compared_is_refused(api: httpx.Client, group: dict[str, Any]) -> None:
    assert api.get("/compare").status_code == 422
    assert api.get("/compare", params={"jobs": "nobody"}).json()["code"] == "job_not_found"
    assert api.get("/compare", params={"group": "nobody"}).json()["code"] == "group_not_found"
    several = httpx.QueryParams([("group", "nobody"), ("group", group["id"])])
    assert api.get("/compare", params=several).json()["code"] == "group_not_found"
    assert api.get("/compare", params={"jobs": ",".join(f"a{n}" for n in range(101))}).status_code == 422


def test_a_dry_run_estimates_and_queues_nothing(api: httpx.Client, group: dict[str, Any]) -> None:
    before = api.get("/jobs").json()["total"]
    headers = {"Idempotency-Key": f"dry-{time.time_ns()}"}
    answer = api.post("/jobs?dry_run=true", json=SMALL | {"grid": GRID}, headers=headers)
    assert answer.status_code == 200
    assert api.get("/jobs").json()["total"] == before
    found = answer.json()["jobs"]
    assert [job["varied"] for job in found] == [job["varied"] for job in group["jobs"]]
    job = api.get(f"/jobs/{group['jobs'][0]['id']}").json()
    assert found[0]["request"] == job["request"]
    version = api.get(f"/models/{job['model']['name']}/versions/{job['model']['version']}").json()
    expected = found[0]["estimate"]
    assert expected["parameters"] == version["parameters"]
    for file, size in (("model.keras", expected["files"]["keras"]), ("model.onnx", expected["files"]["onnx"])):
        assert size / 1.2 < version["files"][file]["size_bytes"] < size * 1.2
    assert "this network" in expected["time"]["basis"]
    assert expected["time"]["low"] <= version["metrics"]["fit_seconds"]
    assert is_within(version["metrics"]["fit_seconds"], expected["time"]["high"])
    alone = api.post("/jobs?dry_run=true", json=SMALL | {"seed": 1}, headers=headers).json()["jobs"]
    assert (len(alone), alone[0]["varied"]) == (1, {})


def test_a_bad_combination_queues_nothing_and_is_named(api: httpx.Client) -> None:
    before = api.get("/jobs").json()["total"]
    answer = api.post("/jobs", json=SMALL | {"grid": {"seed": [1, 2], "learning_rate_schedule": ["cosine", "sine"]}})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "grid", "learning_rate_schedule", 1]
    assert 'seed=1, learning_rate_schedule="sine"' in error["message"]
    senseless: list[Any] = [{}, [], {"seed": []}, {"seed": 1}, {"SEED": [1]}]
    for grid in senseless:
        answer = api.post("/jobs", json=SMALL | {"grid": grid})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"][:2] == ["body", "grid"]
    assert api.get("/jobs").json()["total"] == before


def test_a_group_is_submitted_once_and_cancelled_whole(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": f"group-{time.time_ns()}"}
    body = SMALL | {"epochs": 1000, "grid": {"seed": [1, 2, 3]}}
    first, again = (api.post("/jobs", json=body, headers=headers).json() for _ in range(2))
    assert first["id"] == again["id"]
    assert api.post("/jobs", json=SMALL, headers=headers).status_code == 409
    wait_for(api, first["jobs"][0]["id"], "running")
    submitted = api.post(f"/groups/{first['id']}/cancel").json()
    assert [job["state"] for job in submitted["jobs"][1:]] == ["cancelled", "cancelled"]
    assert wait_for(api, first["jobs"][0]["id"])["state"] == "cancelled"
    ended = api.get(f"/groups/{first['id']}").json()
    assert (ended["finished"], ended["counts"]["cancelled"], ended["best"]) == (True, 3, None)
    assert api.post("/groups/nobody/cancel").status_code == 404
