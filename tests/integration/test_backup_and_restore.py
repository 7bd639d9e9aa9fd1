"""A backup under traffic, restored into an empty directory: the same answers, jobs, datasets, aliases and keys."""

import contextlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from service.cli.backup.reading import verify
from tests.archives import stripes, zipped
from tests.busy_machine import PATIENCE_S, settings_when_busy, wait_until
from tests.running import Stack, has_argument, running_stack, submit, wait_for

MODEL = "backed-up"


def run(data_dir: Path, *arguments: str, to: Path | None = None) -> str:
    """One command of ours on a data directory; returns what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
    environment |= {"CONVSERVE_DATA_DIR": str(data_dir), "CONVSERVE_MIN_FREE_BYTES": "1"}
    with to.open("wb") if to else contextlib.nullcontext(subprocess.PIPE) as output:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    return (done.stdout or b"").decode() + done.stderr.decode()


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((28, 28), 80).save(buffer, "PNG")
    return buffer.getvalue()


def answers(api: httpx.Client, shown: bytes) -> Any:  # noqa: ANN401 - JSON
    address = f"/models/{MODEL}/aliases/champion/predict?top_k=10"
    answer = api.post(address, content=shown, headers={"Content-Type": "image/png"})
    answer.raise_for_status()
    return answer.json()


@contextlib.contextmanager
def waiting_job(api: httpx.Client, stack: Stack) -> Iterator[str]:
    """A job that waits as long as the block lasts, because the worker stands still."""
    (worker,) = [child for child in psutil.Process(stack.process.pid).children() if has_argument(child, "worker")]
    worker.suspend()
    try:
        job: str = submit(api, epochs=1, train_samples=100, model=f"{MODEL}-later", priority=10)["id"]
        yield job
        api.post(f"/jobs/{job}/cancel")
    finally:
        worker.resume()


@contextlib.contextmanager
def traffic(api: httpx.Client, trained: str) -> Iterator[list[int]]:
    """Predictions and changes of an alias as long as the block lasts; the list has the versions that were named."""
    is_over, done = threading.Event(), list[int]()

    def go_on() -> None:
        shown = picture()
        while not is_over.is_set():
            answers(api, shown)
            api.put(f"/models/{MODEL}/aliases/moving", json={"version": 1}).raise_for_status()
            api.get(f"/jobs/{trained}").raise_for_status()
            done.append(1)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        wait_until(lambda: len(done) > 2, 30)
        yield done
    finally:
        is_over.set()
        thread.join()


def job_of(api: httpx.Client, job: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/jobs/{job}").raise_for_status().json()
    return found


@pytest.fixture(scope="module")
def trained(api: httpx.Client) -> dict[str, Any]:
    job = wait_for(api, submit(api, epochs=1, train_samples=100, model=MODEL, tags=["kept"])["id"])
    api.put(f"/models/{MODEL}/aliases/champion", json={"version": 1}).raise_for_status()
    pets = {"file": ("pets.zip", zipped(stripes(20, seed=3)))}
    api.post("/datasets", params={"name": "backed-up-pets"}, files=pets).raise_for_status()
    wait_until(lambda: api.get("/datasets/backed-up-pets").json().get("state") == "ready", 60)
    return job


def test_a_backup_under_traffic_serves_the_same_from_an_empty_directory(
    api: httpx.Client, stack: Stack, trained: dict[str, Any], tmp_path: Path
) -> None:
    key = run(stack.data_dir, "keys", "create", "ada", "--scope", "train").split()
    token = next(word for word in key if word.startswith("cvs_"))
    shown, archive, job = picture(), tmp_path / "backup.tar.gz", trained["id"]
    expected, log = answers(api, shown), api.get(f"/jobs/{job}/log").text
    with waiting_job(api, stack) as waiting, traffic(api, job) as done:
        before = len(done)
        said = run(stack.data_dir, "backup", str(archive))
        wait_until(lambda: len(done) > before, 30)
    run(stack.data_dir, "keys", "revoke", "ada")
    assert "records of jobs" in said
    new = tmp_path / "new"
    run(new, "restore", str(archive))
    settings = {"CONVSERVE_SPARE_TRAINER": "0", "CONVSERVE_AUTH": "on"} | settings_when_busy()
    with (
        running_stack(new, tmp_path / "log.txt", **settings) as other,
        httpx.Client(base_url=other.url, timeout=30, headers={"Authorization": f"Bearer {token}"}) as there,
    ):
        assert answers(there, shown) == expected
        assert job_of(there, job) == trained
        assert there.get(f"/jobs/{job}/log").text == log
        assert there.get("/jobs?tag=kept").json()["total"] == 1
        assert there.get("/datasets/backed-up-pets").json()["fingerprint"]
        assert there.get("/me").json()["name"] == "ada"
        later = wait_for(there, waiting)
        assert (later["state"], later["model"]["version"]) == ("succeeded", 1)
    twice = tmp_path / "twice.tar"  # of a stopped stack, whose private server is started for it, and into a pipe
    run(new, "backup", "-", to=twice)
    assert verify(twice).jobs_at is not None
