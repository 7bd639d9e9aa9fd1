"""A model version is whole or absent, whichever process is killed and whatever the store contains."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from model_store import ModelStore, open_store
from tests.busy_machine import is_within, wait_until
from tests.paths import PROJECT
from tests.promises.ledger import Ledger
from tests.promises.pictures import PNG
from tests.promises.processes import cancel, restart_api, succeeds
from tests.running import Stack
from tests.thoroughness import IS_LONG

PUBLISHER = [sys.executable, "-m", "tests.integration.publisher_process"]


def publish_until_killed(store: Path, after_s: float) -> list[int]:
    """Numbers the publisher knew to be committed before SIGKILL hit it, so long after it was ready."""
    with subprocess.Popen([*PUBLISHER, str(store), "0"], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as publisher:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "ready\n"
        timer = threading.Timer(after_s, publisher.kill)
        timer.start()
        printed = publisher.stdout.readlines()
        timer.join()
    return [int(line) for line in printed if line.endswith("\n")]


def broken_versions(store: ModelStore) -> list[int]:
    """Versions that exist and are not whole: every file is read, and its checksum compared."""
    return [version for version in store.versions("shirts") if not is_whole(store, version)]


def is_whole(store: ModelStore, version: int) -> bool:
    files = store.manifest("shirts", version).files
    return len(files) == 4 and all(len(store.read("shirts", version, file)) == 200_000 for file in files)


def files_below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_publisher_killed(ledger: Ledger, tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    chance = random.Random(20)
    n_swept = 0
    with ledger.promise(
        "publisher killed at any moment: every version that exists is whole, none that was reported is missing, what "
        "is left of others can be swept",
        few=15,
        many=200,
    ) as promise:
        for _ in promise:
            known = publish_until_killed(tmp_path, after_s=chance.uniform(0, 0.15))
            if store.models():
                promise.require(set(store.versions("shirts")) >= set(known), "a reported version is missing")
                promise.require(not broken_versions(store), "a version is not whole")
            n_swept += store.sweep(older_than_s=0)
            if store.models():
                for version in store.versions("shirts")[:-1]:
                    store.delete_version("shirts", version)  # checked once; the disk is not for ever
        committed = store.versions("shirts")
        for path in files_below(tmp_path / "models/shirts/versions"):
            number, _, file = path.partition("/")
            # The mark of a draft that was given up stays where its manifest would be.
            promise.require(int(number) in committed or file == "manifest.json", f"{path} was not swept")
        promise.require(files_below(tmp_path / "staging") == set(), "staged files were not swept")
        promise.require(n_swept > 0, "no kill came in the middle of publishing, so nothing was tried")
        promise.measure(f"{n_swept} half-written files swept")


def flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def put_another_file_there(file: Path) -> None:
    shutil.copyfile(file.parent / "history.json", file)


def put_a_link_there(file: Path) -> None:
    kept = file.with_name("elsewhere")
    file.rename(kept)
    file.symlink_to(kept)


def put_a_directory_there(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: list[Callable[[Path], None]] = [
    flip_a_byte,
    truncate,
    put_another_file_there,
    put_a_link_there,
    put_a_directory_there,
    Path.unlink,
]


@pytest.mark.long
def test_damaged_model(ledger: Ledger, stack: Stack, api: httpx.Client) -> None:
    picture = {"content": PNG, "headers": {"Content-Type": "image/png"}}
    with ledger.promise(
        "newest version damaged (byte flipped, cut short, swapped, linked away, replaced, deleted): found when it is "
        "loaded, named in `/readyz` and the log, the version before answers",
        few=len(DAMAGES),
        many=5 * len(DAMAGES),
    ) as promise:
        assert succeeds(api, model="sound")
        original = stack.data_dir / "store/models/sound/versions/1"
        for number in promise:
            damage, model = DAMAGES[number % len(DAMAGES)], f"damaged-{number}"
            for version in (1, 2):
                publish_a_copy(original, stack.data_dir / "store/models" / model, model, version)
            damage(stack.data_dir / "store/models" / model / "versions/2/model.onnx")
            wait_until(lambda: api.get(f"/models/{model}").status_code == 200, 10)
            answer = api.post(f"/models/{model}/predict", **picture)  # type: ignore[arg-type]
            name = damage.__name__
            promise.require(answer.status_code == 200, f"{name}: {answer.text}")
            promise.require(answer.json().get("version") == 1, f"{name}: answered by {answer.json().get('version')}")
            named = {"model": model, "version": 2, "file": "model.onnx"}
            promise.require(named in api.get("/readyz").json()["damaged"], f"{name}: not named in /readyz")
            promise.require(
                f"version 2 of model {model} is damaged (model.onnx)" in stack.log.read_text(),
                f"{name}: not in the log",
            )


def publish_a_copy(original: Path, model_dir: Path, model: str, version: int) -> None:
    """The same network under another name and number, as a publisher would leave it."""
    (model_dir / "numbers").mkdir(parents=True, exist_ok=True)
    (model_dir / "numbers" / str(version)).touch()
    target = model_dir / "versions" / str(version)
    target.mkdir(parents=True)
    for file in original.iterdir():
        if file.name != "manifest.json":
            shutil.copyfile(file, target / file.name)
    manifest = json.loads((original / "manifest.json").read_text()) | {"model": model, "version": version}
    staged = target / "staged"
    staged.write_text(json.dumps(manifest))
    staged.rename(target / "manifest.json")


@pytest.mark.long
def test_junk(ledger: Ledger, stack: Stack, api: httpx.Client) -> None:
    n_directories = 10_000 if IS_LONG else 300
    with ledger.promise(
        "junk in the store (empty and foreign directories, garbage for a manifest, links out of it, names that are no "
        "UTF-8): ignored, everything else is served, an API that starts then is ready within 10 s",
        few=1,
        many=1,
    ) as promise:
        assert succeeds(api)
        for _ in promise:
            versions = stack.data_dir / "store/models/small/versions"
            (versions / "9999").mkdir()
            (versions / "10000").mkdir()
            (versions / "10000" / "manifest.json").write_bytes(b"\x00garbage" * 100)
            (versions / "NaN").mkdir()
            (versions / "777").symlink_to("/etc")
            (stack.data_dir / "store/models/linked").symlink_to("/etc")
            Path(os.fsdecode(os.fsencode(versions) + b"/\xff\xfe")).touch()
            for number in range(n_directories):
                (stack.data_dir / f"store/models/junk-{number}").mkdir()
            answer = api.post("/models/small/predict", content=PNG, headers={"Content-Type": "image/png"})
            promise.require(answer.status_code == 200, answer.text)
            listed = {model["name"] for model in api.get("/models").json()["models"]}
            promise.require("linked" not in listed and "junk-0" not in listed, f"junk is listed: {listed}")
            promise.require(api.get("/readyz").status_code == 200, "not ready")
            ready_s = restart_api(stack)
            promise.require(is_within(ready_s, 10), f"ready after {ready_s:.1f} s")
            promise.require(succeeds(api), "publishing beside it failed")
        promise.measure(f"{n_directories} foreign directories, ready after {ready_s:.1f} s")
        shutil.rmtree(versions / "10000")
        for path in (stack.data_dir / "store/models").glob("junk-*"):
            path.rmdir()


@pytest.mark.long
def test_api_killed_under_writes(ledger: Ledger, stack: Stack, api: httpx.Client) -> None:
    chance, ready_s = random.Random(5), []
    job = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1}

    def submit_until_cut_off(is_back: threading.Event) -> list[str]:
        accepted = []
        with httpx.Client(base_url=stack.url, timeout=30) as client, contextlib.suppress(httpx.TransportError):
            while not is_back.is_set():  # a client between two requests notices nothing: it connects again
                answer = client.post("/jobs", json=job)
                assert answer.status_code == 202, answer.text
                accepted.append(answer.json()["id"])
        return accepted

    with ledger.promise(
        "API killed (`kill -9`) while four clients submit jobs: another is ready within 10 s, every accepted job "
        "is there",
        few=1,
        many=3,
    ) as promise:
        for _ in promise:
            with ThreadPoolExecutor(4) as pool:
                is_back = threading.Event()
                clients = [pool.submit(submit_until_cut_off, is_back) for _ in range(4)]
                try:
                    time.sleep(chance.uniform(0.2, 0.6))
                    ready_s.append(restart_api(stack))
                finally:
                    is_back.set()
            accepted = [one for client in clients for one in client.result()]
            promise.require(is_within(ready_s[-1], 10), f"ready after {ready_s[-1]:.1f} s")
            promise.require(bool(accepted), "nothing was accepted, so nothing was tried")
            lost = [one for one in accepted if api.get(f"/jobs/{one}").status_code != 200]
            promise.require(not lost, f"accepted and lost: {lost}")
            for one in api.get("/jobs", params={"state": ["queued", "running"], "limit": 500}).json()["jobs"]:
                cancel(api, one["id"])
        promise.require(succeeds(api), "a job did not end well afterwards")
        promise.measure(f"ready after at most {max(ready_s):.1f} s")
