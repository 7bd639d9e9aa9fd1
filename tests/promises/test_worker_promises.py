"""Whichever process dies or hangs, an accepted job reaches an honest end, and the next one runs."""

import random
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import keras

from tests.busy_machine import is_within, wait_until
from tests.promises.ledger import Ledger
from tests.promises.processes import (
    TRAINING,
    another_worker,
    ask,
    cancel,
    child_of,
    group_of,
    is_gone,
    succeeds,
    train,
    trainer_of,
    wait_until_training,
    went_on,
)
from tests.promises.servers import Broker
from tests.running import Stack, submit, wait_for
from worker.job_store.claims import MAX_ATTEMPTS
from worker.job_store.wake_ups import WakeUps
from worker.settings import WorkerSettings

STALL_TIMEOUT_S = 10
"""For the stack of this module, see `conftest`."""


def test_worker_killed(ledger: Ledger, stack: Stack, api: httpx.Client) -> None:
    orphan_s, detected_s = [], []
    with ledger.promise(
        "worker killed (`kill -9`) while training: its trainer is gone within 5 s, the job goes on by itself after its "
        "last epoch and ends well, a job cancelled while it waited never runs",
        few=1,
        many=5,
    ) as promise:
        for _ in promise:
            job = train(api)["id"]
            cancelled = submit(api)["id"]
            cancel(api, cancelled)
            trainer = trainer_of(api, job)
            child_of(stack, "worker").kill()
            killed_at = time.monotonic()
            orphan_s.append(wait_until(lambda: is_gone(trainer) and not group_of(trainer), 30))
            promise.require(is_within(orphan_s[-1], 5), f"the trainer lived on for {orphan_s[-1]:.1f} s")
            wait_until_training(api, job, attempt=2)
            detected_s.append(time.monotonic() - killed_at)
            ended = wait_for(api, job)
            promise.require(ended["state"] == "succeeded", f"ended as {ended['state']}: {ended['error']}")
            promise.require(went_on(api, ended), "it did not go on after its last epoch, or the history has gaps")
            left = ask(api, "GET", f"/jobs/{cancelled}")
            promise.require((left["state"], left["attempt"]) == ("cancelled", 0), f"the cancelled job: {left}")
        promise.measure(f"trainer gone after at most {max(orphan_s):.1f} s")
        promise.measure(f"training again after at most {max(detected_s):.0f} s with a lease of 4 s")


def test_trainer_killed_and_training_as_if_nothing_had_happened(
    ledger: Ledger, api: httpx.Client, tmp_path: Path
) -> None:
    chance = random.Random(6)
    with ledger.promise(
        "trainer killed somewhere in an epoch of a training with `deterministic`: every epoch is in the history once, "
        "history and weights are those of a training that was left alone",
        few=1,
        many=3,
    ) as promise:
        body: dict[str, Any] = {"deterministic": True, "model": "steady"}
        left_alone = wait_for(api, submit(api, **TRAINING | body)["id"])
        weights = weights_of(api, left_alone, tmp_path)
        for _ in promise:
            job = train(api, **body)["id"]
            time.sleep(chance.uniform(0, 0.5))
            trainer_of(api, job).kill()
            ended = wait_for(api, job)
            promise.require((ended["state"], ended["attempt"]) == ("succeeded", 2), f"{ended}")
            promise.require(went_on(api, ended), "it did not go on after its last epoch, or the history has gaps")
            promise.require(ended["history"] == left_alone["history"], "the history is another")
            promise.require(weights_of(api, ended, tmp_path) == weights, "the weights are others")


def weights_of(api: httpx.Client, job: dict[str, Any], directory: Path) -> list[bytes]:
    """Every array of the published network."""
    name, version = job["model"]["name"], job["model"]["version"]
    path = directory / f"{version}.keras"
    path.write_bytes(api.get(f"/models/{name}/versions/{version}/files/model.keras").content)
    return [array.tobytes() for array in keras.saving.load_model(path).get_weights()]


def test_trainer_killed_every_time(ledger: Ledger, api: httpx.Client) -> None:
    with ledger.promise(
        f"trainer killed in every attempt: {MAX_ATTEMPTS} attempts, then `failed` with a reason; "
        "the job behind it runs",
        few=1,
        many=3,
    ) as promise:
        for _ in promise:
            poison = submit(api, epochs=1000)["id"]
            good = submit(api, epochs=1, train_samples=100)["id"]
            for attempt in range(1, MAX_ATTEMPTS + 1):
                wait_until_training(api, poison, attempt)
                trainer_of(api, poison).kill()
            ended = wait_for(api, poison, timeout_s=30)
            promise.require(ended["state"] == "failed", f"ended as {ended['state']}")
            promise.require(ended["attempt"] == MAX_ATTEMPTS, f"{ended['attempt']} attempts")
            promise.require(ended["error"]["code"] in {"trainer_died", "out_of_memory"}, f"{ended['error']}")
            promise.require(bool(ended["error"]["hint"]), "there is no hint")
            log = api.get(f"/jobs/{poison}/log").text
            lost = re.findall(r"attempt (\d) is lost \((?:trainer_died|out_of_memory)\)", log)
            promise.require(len(lost) >= MAX_ATTEMPTS - 1, f"the log does not tell of the attempts:\n{log}")
            promise.require(wait_for(api, good, timeout_s=60)["state"] == "succeeded", "the next job did not run")


def test_trainer_hangs(ledger: Ledger, api: httpx.Client) -> None:
    noticed_s = []
    with ledger.promise(
        "trainer hung (`kill -STOP`): noticed, killed, tried again; `stalled` after the last attempt", few=1, many=2
    ) as promise:
        for _ in promise:
            job = submit(api, epochs=1000)["id"]
            for attempt in range(1, MAX_ATTEMPTS + 1):
                wait_until_training(api, job, attempt)
                trainer = trainer_of(api, job)
                trainer.send_signal(signal.SIGSTOP)
                noticed_s.append(wait_until(lambda hung=trainer: is_gone(hung), 60))  # type: ignore[misc]
            ended = wait_for(api, job, timeout_s=30)
            promise.require(ended["state"] == "failed", f"ended as {ended['state']}")
            promise.require(ended["error"]["code"] == "stalled", f"{ended['error']}")
            promise.require(bool(ended["error"]["hint"]), "there is no hint")
        promise.measure(f"noticed after at most {max(noticed_s):.1f} s with a limit of {STALL_TIMEOUT_S} s")


def test_cancelled_while_running(ledger: Ledger, api: httpx.Client) -> None:
    cancelled_s, next_s = [], []
    with ledger.promise(
        "running job cancelled: `cancelled` within 10 s, its processes gone, the next job begins within 10 s",
        few=1,
        many=6,
    ) as promise:
        for _ in promise:
            job = train(api, epochs=1000)["id"]
            trainer_of(api, job).kill()
            wait_until_training(api, job, attempt=2)  # cancelled in its first attempt: the main job's tests
            trainer = trainer_of(api, job)
            began_at = time.monotonic()
            cancel(api, job)
            wait_for(api, job, "cancelled", timeout_s=30)
            cancelled_s.append(time.monotonic() - began_at)
            promise.require(is_within(cancelled_s[-1], 10), f"it took {cancelled_s[-1]:.1f} s")
            promise.require(is_gone(trainer) and not group_of(trainer), "the trainer lives on")
            following = submit(api, epochs=1, train_samples=100)["id"]
            next_s.append(wait_until(lambda: ask(api, "GET", f"/jobs/{following}")["state"] != "queued", 30))
            promise.require(is_within(next_s[-1], 10), f"the next job was claimed after {next_s[-1]:.1f} s")
            promise.require(wait_for(api, following)["state"] == "succeeded", "the next job did not end well")
        promise.measure(f"cancelled after at most {max(cancelled_s):.1f} s")
        promise.measure(f"next job claimed after at most {max(next_s):.1f} s")


def test_sent_and_delivered_many_times(ledger: Ledger, broker: Broker, stack: Stack, api: httpx.Client) -> None:
    wake_ups = WakeUps(WorkerSettings(redis_url=broker.url).broker_url)
    with (
        ledger.promise(
            "20 submissions at once under one `Idempotency-Key`, each message delivered 5 times, two "
            "workers: one job, one run, one version",
            few=1,
            many=5,
        ) as promise,
        another_worker(stack),
    ):
        for number in promise:
            body = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1}
            body |= {"train_samples": 100, "model": f"once-{number}"}
            headers = {"Idempotency-Key": f"promise-{number}"}
            with ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(lambda _: api.post("/jobs", json=body, headers=headers), range(20)))
            ids = {answer.json()["id"] for answer in answers}
            promise.require(len(ids) == 1, f"{len(ids)} jobs")
            for _ in range(5):
                wake_ups.notify(min(ids))
            ended = wait_for(api, min(ids))
            promise.require((ended["state"], ended["attempt"]) == ("succeeded", 1), f"{ended}")
            runs = api.get(f"/jobs/{min(ids)}/log").text.count("attempt ")
            promise.require(runs == 1, f"{runs} runs")
            promise.require(succeeds(api), "the next job did not run")
            versions = api.get(f"/models/once-{number}").json()["versions"]
            promise.require(len(versions) == 1, f"{len(versions)} versions")
