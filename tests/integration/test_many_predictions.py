"""Many pictures are classified by a job on a running stack: an archive, a split, a list; and rows are downloaded."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from convserve import Client

from tests.archives import picture, zipped
from tests.command_line import convserve
from tests.running import Stack, submit, wait_for

V = "/models/small/versions/1/predictions"
SAMPLE = "fashion_mnist_sample"

pytestmark = pytest.mark.usefixtures("small")


def done(api: httpx.Client, answer: httpx.Response) -> str:
    """The address of the rows, once the job has ended well."""
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], answer.headers["location"]) == ("predictions", f"/jobs/{job['id']}")
    ended = wait_for(api, job["id"])
    assert ended["state"] == "succeeded", ended["error"]
    return f"/jobs/{job['id']}/predictions"


def lines(api: httpx.Client, rows: str) -> list[dict[str, Any]]:
    answer = api.get(rows, headers={"Accept": "application/jsonl"})
    assert answer.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_an_archive_becomes_rows_that_say_what_predictions_say(api: httpx.Client) -> None:
    files = {"x/1.png": picture(30, (28, 28)), "2.png": picture(200, (50, 40)), "bad.png": b"no", "a.txt": b"text"}
    headers = {"Content-Type": "application/zip"}
    rows = done(api, api.post(V, params={"top_k": 3}, content=zipped(files), headers=headers))
    found = lines(api, rows)
    assert [line["name"] for line in found] == ["2.png", "bad.png", "x/1.png"]
    one = api.post("/models/small/versions/1/predict?top_k=3", files={"file": ("1.png", files["x/1.png"])})
    expected = one.json()["predictions"][0]
    assert [guess["label"] for guess in found[2]["top_k"]] == [guess["label"] for guess in expected["top_k"]]
    assert found[2]["score"] == pytest.approx(expected["probability"], abs=1e-5)
    assert found[1]["error"]["code"].startswith("picture_")
    job = api.get(rows.removesuffix("/predictions")).json()
    assert (job["progress"]["phase"], job["progress"]["step"], job["progress"]["steps"]) == ("predicting", 3, 3)
    assert "1 files are left out: not a picture" in api.get(f"/jobs/{job['id']}/log").text

    whole = api.get(rows)
    assert whole.headers["content-type"].startswith("text/csv")
    assert [row["name"] for row in csv.DictReader(io.StringIO(whole.text))] == [line["name"] for line in found]
    rest = api.get(rows, headers={"Range": "bytes=10-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, whole.content[10:])
    assert api.get(rows, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304

    assert api.delete(f"/jobs/{job['id']}").status_code == 204
    assert api.get(rows).status_code == 404


def test_a_split_and_a_list_are_classified_without_an_archive(api: httpx.Client, stack: Stack) -> None:
    with Client(stack.url) as client:
        job = client.predict_many(None, "small", dataset=SAMPLE, split="test", top_k=1).wait(progress=False)
        rows = client.predictions(job)
    total = api.get(f"/datasets/{SAMPLE}").json()["test"]
    assert [row["name"] for row in rows] == [f"test/{place}" for place in range(total)]
    encoded = base64.b64encode(picture(30, (28, 28))).decode()
    images = [{"b64": encoded, "filename": "boot.png"}, {"b64": "no base64!"}, {"url": "https://example.org/a.png"}]
    found = lines(api, done(api, api.post(V, json={"images": images})))
    assert [(line["name"], "error" in line) for line in found] == [("boot.png", False), ("1", True), ("2", True)]


def test_what_cannot_be_classified_is_refused_at_once_or_by_the_job(api: httpx.Client, stack: Stack) -> None:
    assert api.post(V, json={"dataset": "nothing"}).json()["code"] == "dataset_not_found"
    assert api.post(V, json={"dataset": SAMPLE, "split": "validation"}).json()["code"] == "picture_not_found"
    assert api.post(V, json={"dataset": SAMPLE, "splitt": "test"}).json()["code"] == "validation_failed"
    assert api.post(V, content=b"text", headers={"Content-Type": "text/plain"}).status_code == 415
    training = submit(api, model="small", epochs=1)
    assert api.get(f"/jobs/{training['id']}/predictions").status_code == 404
    api.post(f"/jobs/{training['id']}/cancel").raise_for_status()
    bad = api.post(V, content=zipped({"a.txt": b"text"}), headers={"Content-Type": "application/zip"})
    job = wait_for(api, bad.json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "pictures_unusable")
    assert "no pictures" in job["error"]["message"]
    assert api.get(f"/jobs/{job['id']}/predictions").content == b""
    assert api.delete("/jobs", params={"model": "small", "state": "failed"}).json()["changed"] == 1
    assert not (stack.data_dir / "store" / "predictions" / job["id"]).exists()


def test_the_command_line_writes_a_table_and_pipes_lines(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture(30))
    table = tmp_path / "out.csv"
    done = convserve("bulk", "small/1", str(folder), "--output", str(table), "--url", stack.url)
    assert done.returncode == 0, done.stderr
    assert table.read_text().splitlines()[1].startswith("a.png,")
    piped = convserve("bulk", "small", str(folder), "--format", "jsonl", "--top-k", "1", "--url", stack.url)
    assert json.loads(piped.stdout)["name"] == "a.png", piped.stderr
