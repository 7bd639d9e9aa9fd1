"""A version that was published by an older release can be looked into after a small job."""

import os

import httpx
import pytest

from model_store import VersionFacts, open_store
from tests.busy_machine import wait_until
from tests.running import Stack, submit, wait_for
from worker.artifacts import LAYERS_FILE, TAILS_FILE

V = "/models/recorded-later/versions/1"


@pytest.fixture(scope="module")
def old_version(stack: Stack, api: httpx.Client) -> None:
    """A version without a record, as older releases published it."""
    job = submit(api, model="recorded-at-publish", epochs=1)
    wait_for(api, job["id"])
    store = open_store(str(stack.data_dir / "store"))
    manifest = store.manifest("recorded-at-publish", 1)
    umask = os.umask(0o077)  # as the stack does: test_uploaded_dataset.py looks at the modes of all files in its store
    try:
        with store.draft("recorded-later") as draft:
            for file in set(manifest.files) - {LAYERS_FILE, TAILS_FILE}:
                draft.add(file, store.read("recorded-at-publish", 1, file))
            draft.commit(VersionFacts.model_validate(manifest.model_dump(include=set(VersionFacts.model_fields))))
    finally:
        os.umask(umask)


@pytest.mark.usefixtures("old_version")
def test_an_old_version_is_recorded_by_a_job(api: httpx.Client) -> None:
    wait_until(lambda: api.get(V).status_code == 200, 30)  # the API lists the store now and then
    manifest = api.get(f"{V}/files/manifest.json").json()
    assert api.get(f"{V}/layers").json()["code"] == "not_recorded"

    started = api.post(f"{V}/record")

    assert started.status_code == 202, started.text
    job = wait_for(api, started.json()["id"])
    assert (job["state"], job["model"]["name"], job["model"]["version"]) == ("succeeded", "recorded-later", 1)
    recorded = api.get(f"{V}/layers").json()
    assert recorded["layers"] == api.get("/models/recorded-at-publish/versions/1/layers").json()["layers"]
    explained = api.post(f"{V}/explain", params={"dataset": "fashion_mnist_sample", "index": 0, "method": "gradcam"})
    assert explained.status_code == 200, explained.text
    assert [version["version"] for version in api.get("/models/recorded-later").json()["versions"]] == [1]
    assert api.get(f"{V}/files/manifest.json").json() == manifest
