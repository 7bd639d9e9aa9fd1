"""`convserve export` on a running stack: the job, the file that comes with the version, and its figures."""

import json

import httpx
import pytest

from tests.command_line import convserve
from tests.running import Stack
from worker.jobs.exported import Exported

V = "/models/small/versions/1"


def test_a_version_is_exported_and_downloaded_with_its_other_files(
    stack: Stack, api: httpx.Client, small: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manifest = api.get(f"{V}/files/manifest.json").content

    done = convserve("export", small, "--format", "saved_model", "--json", "--url", stack.url)

    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["kind"], last["state"], last["model"]["version"]) == ("export", "succeeded", 1)
    assert last["request"]["export"] == {"version": small, "format": "saved_model"}
    (listed,) = api.get(f"{V}/exports").json()["exports"]
    exported = Exported.model_validate(listed)
    accuracy = api.get(V).json()["metrics"]["test_accuracy"]
    assert exported.keras_accuracy == pytest.approx(accuracy)
    assert abs(exported.accuracy - accuracy) <= 0.001
    assert exported.job == last["id"]
    out = tmp_path_factory.mktemp("downloaded")
    assert convserve("download", small, "--out", str(out), "--url", stack.url).returncode == 0
    assert (out / "saved_model.zip").stat().st_size == exported.size_bytes
    assert "saved_model.zip" in (out / "README.md").read_text()
    assert api.get(f"{V}/files/manifest.json").content == manifest


def test_a_format_that_is_not_known_is_refused_in_words(stack: Stack, small: str) -> None:
    refused = convserve("export", small, "--format", "pickle", "--url", stack.url)
    assert refused.returncode != 0
    assert "litert" in refused.stderr
