"""A version that was published by an older release can be looked into after a small job, and trusted."""

import os
from typing import Any

import httpx
import pytest

from model_store import VersionFacts, open_store
from tests.busy_machine import wait_until
from tests.running import Stack, submit, wait_for
from worker.artifacts import LAYERS_FILE, TAILS_FILE, TRUST_FILE, UNUSUAL_FILE

V = "/models/recorded-later/versions/1"


@pytest.fixture(scope="module")
def old_version(stack: Stack, api: httpx.Client) -> None:
    """A version without a record, as older releases published it."""
    job = submit(api, model="recorded-at-publish", epochs=1, validation=0.2)
    wait_for(api, job["id"])
    store = open_store(str(stack.data_dir / "store"))
    manifest = store.manifest("recorded-at-publish", 1)
    umask = os.umask(0o077)  # as the stack does: test_uploaded_dataset.py looks at the modes of all files in its store
    try:
        with store.draft("recorded-later") as draft:
            for file in set(manifest.files) - {LAYERS_FILE, TAILS_FILE, TRUST_FILE, UNUSUAL_FILE}:
                draft.add(file, store.read("recorded-at-publish", 1, file))
            draft.commit(VersionFacts.model_validate(manifest.model_dump(include=set(VersionFacts.model_fields))))
    finally:
        os.umask(umask)


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
    assert recorded["layers"] == api.get("/models/recorded-at-publish/versions/1/layers").json()["layers"]
    explained = api.post(f"{V}/explain", params={"dataset": "fashion_mnist_sample", "index": 0, "method": "gradcam"})
    assert explained.status_code == 200, explained.text
    published = predicted(api, "/models/recorded-at-publish/versions/1")
    assert predicted(api, V)["predictions"] == published["predictions"]
    store = open_store(str(stack.data_dir / "store"))
    added = store.later_files.find("recorded-later", 1, UNUSUAL_FILE)
    assert added == store.read("recorded-at-publish", 1, UNUSUAL_FILE)
    assert [version["version"] for version in api.get("/models/recorded-later").json()["versions"]] == [1]
    assert api.get(f"{V}/files/manifest.json").json() == manifest
