"""A version that was published by an older release can be looked into after a small job, and trusted."""

from typing import Any

import httpx
import pytest

from model_store import open_store
from tests.busy_machine import wait_until
from tests.integration.shared_version import published
from tests.running import Stack, wait_for
from worker.artifacts import LAYERS_FILE, TAILS_FILE, TRUST_FILE, UNUSUAL_FILE

V = "/models/recorded-later/versions/1"


@pytest.fixture(scope="module")
def old_version(stack: Stack, small: str) -> None:
    """A version without a record, as older releases published it."""
    store = open_store(str(stack.data_dir / "store"))
    published(store, store, "small", "recorded-later", frozenset({LAYERS_FILE, TAILS_FILE, TRUST_FILE, UNUSUAL_FILE}))


def predicted(api: httpx.Client, version: str) -> Any:  # noqa: ANN401 - JSON
    """The answer to a picture, with the set of classes that has the right one in 90 % of all answers."""
    picture = api.get("/datasets/fashion_mnist_sample/pictures/test/0.png").content
    headers = {"content-type": "image/png"}
    return api.post(f"{version}/predict?coverage=0.9", content=picture, headers=headers).json()


@pytest.mark.usefixtures("old_version")
def test_an_old_version_is_recorded_by_a_job(api: httpx.Client, stack: Stack) -> None:
    wait_until(lambda: api.get(V).status_code == 200, 30)  # the API lists the store now and then
    manifest = api.get(f"{V}/files/manifest.json").json()
    assert api.get(f"{V}/layers").json()["code"] == "not_recorded"
    untrusted = predicted(api, V)
    assert (untrusted["code"], f"POST {V}/record" in untrusted["detail"]) == ("not_recorded", True)

    started = api.post(f"{V}/record")

    assert started.status_code == 202, started.text
    job = wait_for(api, started.json()["id"])
    assert (job["state"], job["model"]["name"], job["model"]["version"]) == ("succeeded", "recorded-later", 1)
    recorded = api.get(f"{V}/layers").json()
    assert recorded["layers"] == api.get("/models/small/versions/1/layers").json()["layers"]
    explained = api.post(f"{V}/explain", params={"dataset": "fashion_mnist_sample", "index": 0, "method": "gradcam"})
    assert explained.status_code == 200, explained.text
    recorded_at_publish = predicted(api, "/models/small/versions/1")
    assert predicted(api, V)["predictions"] == recorded_at_publish["predictions"]
    store = open_store(str(stack.data_dir / "store"))
    added = store.later_files.find("recorded-later", 1, UNUSUAL_FILE)
    assert added == store.read("small", 1, UNUSUAL_FILE)
    assert [version["version"] for version in api.get("/models/recorded-later").json()["versions"]] == [1]
    assert api.get(f"{V}/files/manifest.json").json() == manifest
