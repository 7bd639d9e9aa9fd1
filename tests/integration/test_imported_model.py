"""A model that was trained elsewhere, over HTTP: sent, imported, served; and one that is refused by its layer."""

import io
import json
import zipfile
from pathlib import Path

import httpx
import pytest
from convserve import Client

from tests.archives import picture
from tests.command_line import convserve
from tests.running import Stack, wait_for

NAME = "brought-along"


def send(api: httpx.Client, content: bytes, filename: str = "Brought along.keras", **fields: str) -> httpx.Response:
    return api.post("/models", files={"file": (filename, content)}, data=fields)


@pytest.fixture(scope="module")
def exported(api: httpx.Client, small: str) -> bytes:
    """The Keras file of a version that was trained."""
    return api.get("/models/small/versions/1/files/model.keras").content


def test_a_version_comes_back_as_another_and_answers_the_same(api: httpx.Client, exported: bytes) -> None:
    sent = send(api, exported, dataset="fashion_mnist_sample", tags="mine", note="from elsewhere")
    assert sent.status_code == 202, sent.text
    queued = sent.json()
    assert sent.headers["location"] == f"/jobs/{queued['id']}"
    assert (queued["kind"], queued["request"]["model"]) == ("import", NAME)
    assert len(queued["request"]["imported"]["classes"]) == 10
    job = wait_for(api, queued["id"])
    assert job["state"] == "succeeded", job["error"]
    assert job["doctor"] is None

    theirs, ours = (api.get(f"/models/{name}/versions/1").json() for name in (NAME, "small"))
    assert theirs["metrics"]["test_accuracy"] == pytest.approx(ours["metrics"]["test_accuracy"])
    assert theirs["architecture"]["layers"] == ours["architecture"]["layers"]
    assert (theirs["tags"], theirs["note"], theirs["doctor"]) == (["mine"], "from elsewhere", {"worst": "none"})
    shirt = {"file": ("shirt.png", picture(80, (28, 28)))}
    answers = [api.post(f"/models/{name}/predict", files=shirt).json() for name in (NAME, "small")]
    probabilities = [[one["probability"] for one in answer["predictions"][0]["top_k"]] for answer in answers]
    assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-5)
    assert api.get(f"/models/{NAME}/versions/1/layers").status_code == 200
    assert api.get(f"/models/{NAME}/versions/1/doctor").json()["findings"] == []
    assert api.get(f"/models/{NAME}/versions/1/report.html").status_code == 200


@pytest.mark.usefixtures("exported")
def test_an_onnx_file_is_served_as_it_is(api: httpx.Client) -> None:
    content = api.get("/models/small/versions/1/files/model.onnx").content
    sent = send(api, content, "Graph only.onnx", dataset="fashion_mnist_sample")
    job = wait_for(api, sent.json()["id"])
    assert job["state"] == "succeeded", job["error"]
    theirs, ours = (api.get(f"/models/{name}/versions/1").json() for name in ("graph-only", "small"))
    assert theirs["metrics"]["test_accuracy"] == pytest.approx(ours["metrics"]["test_accuracy"])
    assert (theirs["architecture"], theirs["recipe"]["imported"]["format"]) == ({}, "onnx")
    assert api.post("/models/graph-only/predict", files={"file": ("a.png", picture(80, (28, 28)))}).status_code == 200
    assert api.get("/models/graph-only/versions/1/report.html").status_code == 200
    assert api.get("/models/graph-only/versions/1/layers").json()["code"] == "not_recorded"
    refused = api.post("/models/graph-only/versions/1/record")
    assert (refused.status_code, refused.json()["errors"][0]["loc"][-1]) == (422, "version")
    again = {"initial_model": "graph-only/1", "dataset": "fashion_mnist_sample", "epochs": 1}
    assert api.post("/jobs", json=again).json()["errors"][0]["loc"][-1] == "initial_model"


@pytest.mark.long
def test_a_layer_that_runs_code_ends_the_job_with_its_name(api: httpx.Client, exported: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][2]["class_name"] = "Lambda"
    members["config.json"] = json.dumps(config).encode()
    changed = io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)

    sent = send(api, changed.getvalue(), name="never")

    job = wait_for(api, sent.json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "model_unusable")
    assert "(Lambda)" in job["error"]["message"]
    assert api.get("/models/never").status_code == 404


@pytest.mark.long
def test_the_command_and_the_client_import(stack: Stack, exported: bytes, tmp_path: Path) -> None:
    file = tmp_path / "Boots.keras"
    file.write_bytes(exported)
    classes = tmp_path / "classes.txt"
    classes.write_text("\n".join(f"kind {number}" for number in range(10)))
    done = convserve("import", str(file), "--classes", str(classes), "--tag", "shell", "--url", stack.url)
    assert done.returncode == 0, done.stderr
    assert "Published as boots, version 1" in done.stdout
    with Client(stack.url) as client:
        job = client.import_model(file, name="boots", classes=[f"kind {number}" for number in range(10)])
        assert job.wait(progress=False).model == "boots/2"
    refused = convserve("import", str(classes), "--url", stack.url)
    assert refused.returncode != 0
    assert "neither a Keras model nor an ONNX file" in refused.stderr


@pytest.mark.long
def test_a_repeated_request_returns_the_first_job(api: httpx.Client, exported: bytes) -> None:
    headers = {"Idempotency-Key": "the-same-model"}
    jobs = [
        api.post("/models", content=exported, params={"name": "once"}, headers=headers | {"Content-Type": kind})
        for kind in ("application/octet-stream", "application/zip")
    ]
    assert [job.status_code for job in jobs] == [202, 202], jobs[1].text
    assert jobs[0].json()["id"] == jobs[1].json()["id"]
    wait_for(api, jobs[0].json()["id"])


@pytest.mark.parametrize(
    ("content", "fields", "loc"),
    [
        (b"\x89HDF\r\n\x1a\n", {}, ["file"]),
        (b"\x80\x04pickle", {}, ["file"]),
        (b"", {}, []),
        (b"PK\x03\x04", {"name": "../x"}, ["name"]),
        (b"PK\x03\x04", {"classes": "a,a"}, []),
        (b"PK\x03\x04", {"classes": "a"}, ["classes"]),
        (b"PK\x03\x04", {"preprocessing": "magic"}, ["preprocessing"]),
        (b"PK\x03\x04", {"options": '{"outputs": "no"}'}, ["outputs"]),
        (b"PK\x03\x04", {"dataset": "nowhere"}, ["dataset"]),
        (b"PK\x03\x04", {"colour": "blue"}, ["colour"]),
    ],
)
def test_what_cannot_be_is_refused_before_a_job_is_queued(
    api: httpx.Client, content: bytes, fields: dict[str, str], loc: list[str]
) -> None:
    answer = send(api, content, **fields)
    assert answer.status_code == 422, answer.text
    assert [part for error in answer.json().get("errors", []) for part in loc if part in error["loc"]] == loc
