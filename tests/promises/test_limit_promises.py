"""A training that would run for ever or take all memory ends honestly, and the next one runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.busy_machine import wait_until
from tests.paths import PROJECT
from tests.promises.ledger import Ledger
from tests.promises.processes import is_gone, trainer_of, wait_until_training
from tests.running import Stack, running_stack, submit, wait_for

GREED = """
import os, sys, threading, time

def allocate(file):
    while not os.path.exists(file) or open(file).read() != str(os.getpid()):
        time.sleep(0.05)
    held = []
    while True:
        held.append(bytearray(b"x" * 20_000_000))
        time.sleep(0.01)

def start():
    threading.Thread(target=allocate, args=({file!r},), daemon=True).start()

if "worker.training.trainer" in sys.orig_argv:
    start()
if "worker.training.template" in sys.orig_argv:
    os.register_at_fork(after_in_child=start)
"""
"""A module that Python runs when it starts: in a trainer it takes more and more memory once the file names it."""
MEMORY_BYTES = 3_000_000_000
MAX_JOB_S = 15


@pytest.fixture(scope="module")
def greed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file; the trainer whose process id is in it is greedy."""
    folder = tmp_path_factory.mktemp("greed")
    (folder / "sitecustomize.py").write_text(GREED.format(file=str(folder / "now")))
    return folder / "now"


@pytest.fixture(scope="module")
def stack(greed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose trainers may not hold much."""
    directory = tmp_path_factory.mktemp("memory")
    environment = {
        "PYTHONPATH": f"{greed.parent}:{PROJECT}",
        "CONVSERVE_TRAINER_MEMORY_BYTES": str(MEMORY_BYTES),
        "CONVSERVE_TRAINER_NICENESS": "0",  # on a busy machine a trainer of low priority takes minutes to start
    }
    with running_stack(directory / "data", directory / "log.txt", **environment) as running:
        yield running


def test_endless_memory(ledger: Ledger, api: httpx.Client, greed: Path) -> None:
    held_gb = []
    with ledger.promise(
        "trainer that allocates without end: ended at its limit, `out_of_memory` with a hint after one attempt, its "
        "process gone, the next job runs; a training too large for the limit is refused with 422",
        few=1,
        many=3,
    ) as promise:
        for _ in promise:
            too_large = {"architecture": "alexnet", "dataset": "fashion_mnist_sample", "epochs": 1, "batch_size": 512}
            refusal = api.post("/jobs", json=too_large)
            promise.require(refusal.status_code == 422, f"too large a training: {refusal.text}")
            job = submit(api, epochs=1000)["id"]
            wait_until_training(api, job, attempt=1)
            trainer = trainer_of(api, job)
            chosen_first = Path(f"/proc/{trainer.pid}/oom_score_adj").read_text().strip()
            promise.require(chosen_first == "900", f"when memory runs out, the kernel scores it {chosen_first}")
            greed.write_text(str(trainer.pid))
            ended = wait_for(api, job)
            greed.unlink()
            promise.require((ended["state"], ended["attempt"]) == ("failed", 1), f"{ended}")
            promise.require(ended["error"]["code"] == "out_of_memory", f"{ended['error']}")
            promise.require("CONVSERVE_TRAINER_MEMORY_BYTES" in ended["error"]["message"], f"{ended['error']}")
            promise.require(bool(ended["error"]["hint"]), "there is no hint")
            wait_until(lambda: is_gone(trainer), 10)
            good = wait_for(api, submit(api, epochs=1, train_samples=100)["id"])
            promise.require(good["state"] == "succeeded", f"the next job: {good}")
            held_gb.append(float(re.findall(r"held ([\d.]+) GB", ended["error"]["message"])[0]))
        promise.measure(
            f"with a limit of {MEMORY_BYTES / 1e9:.1f} GB it held at most {max(held_gb):.1f} GB when it was ended"
        )


def test_endless_training(ledger: Ledger, tmp_path: Path) -> None:
    with (
        ledger.promise(
            "training that runs for ever: ended at CONVSERVE_MAX_JOB_S, `took_too_long` with a hint after one attempt, "
            "the next job begins",
            few=1,
            many=3,
        ) as promise,
        running_stack(
            tmp_path / "data", tmp_path / "log.txt", CONVSERVE_MAX_JOB_S=str(MAX_JOB_S), CONVSERVE_TRAINER_NICENESS="0"
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        for _ in promise:
            endless = submit(api, architecture="cnn", epochs=1000, batch_size=8)["id"]
            following = submit(api)["id"]
            ended = wait_for(api, endless)
            promise.require((ended["state"], ended["attempt"]) == ("failed", 1), f"{ended}")
            promise.require(ended["error"]["code"] == "took_too_long", f"{ended['error']}")
            promise.require(bool(ended["error"]["hint"]), "there is no hint")
            wait_for(api, following, "running", "succeeded", "failed")
            api.post(f"/jobs/{following}/cancel")
            wait_for(api, following)
