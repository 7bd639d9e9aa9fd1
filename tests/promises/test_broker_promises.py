"""Redis killed, hung or full: trainings do not notice, submissions are kept or refused at once, help is not needed."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.busy_machine import is_within, wait_until
from tests.promises.ledger import Ledger, percentile
from tests.promises.pictures import PNG
from tests.promises.processes import succeeds, train
from tests.promises.servers import Broker
from tests.running import wait_for
from tests.thoroughness import IS_LONG

ANSWER_LIMIT_S = 2.5
SMALL = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1, "train_samples": 100}


class Timed:
    """Requests, and how long the answers took."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api
        self.seconds: list[float] = []

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        began_at = time.monotonic()
        answer = self._api.request(method, path, **options)  # type: ignore[arg-type]
        self.seconds.append(time.monotonic() - began_at)
        return answer


def predict_for(api: httpx.Client, seconds: float) -> list[float]:
    """Latencies of predictions one after another; every answer must be right."""
    timed, deadline = Timed(api), time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = timed.ask("POST", "/models/small/predict", content=PNG, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200, answer.text
    return timed.seconds


@pytest.mark.long
@pytest.mark.timeout(1800)  # a try takes a minute and more where others use the processor and the disk
def test_outages_while_training(ledger: Ledger, broker: Broker, api: httpx.Client) -> None:
    chance = random.Random(7)
    faults: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
        ("killed", broker.kill, broker.start),
        ("hung", broker.hang, broker.go_on),
        ("full", broker.fill, broker.make_room),
    ]
    submissions, reads = Timed(api), Timed(api)
    idle_s, outage_s, runs_again_s = [], [], []
    with ledger.promise(
        "Redis killed, hung and full in turn while a job trains: the training does not notice, submissions are kept "
        "(202) or refused (503, `Retry-After`) within 2.5 s, jobs are read (200 or 503) within 2.5 s, predictions are "
        "answered, jobs run again without help",
        few=3,
        many=30,
    ) as promise:
        assert succeeds(api)
        for number in promise:
            kind, break_it, mend_it = faults[number % len(faults)]
            job = train(api)["id"]
            idle_s += predict_for(api, 0.5)
            accepted = []
            break_it()
            with ThreadPoolExecutor(1) as beside:
                predictions = beside.submit(predict_for, api, chance.uniform(1, 4))
                while not predictions.done():
                    answer = submissions.ask("POST", "/jobs", json=SMALL)
                    is_refusal = answer.status_code == 503 and "Retry-After" in answer.headers
                    promise.require(answer.status_code == 202 or is_refusal, f"{kind}: {answer.text}")
                    if answer.status_code == 202:
                        accepted.append(answer.json()["id"])
                    read = reads.ask("GET", f"/jobs/{job}")
                    promise.require(read.status_code in {200, 503}, f"{kind}: read of a job answered {read.text}")
                    promise.require(api.get("/readyz").status_code == 200, f"{kind}: predicting was not ready")
            mend_it()
            outage_s += predictions.result()
            mended_at = time.monotonic()
            wait_until(lambda: api.get("/jobs").status_code == 200, 15)
            runs_again_s.append(time.monotonic() - mended_at)
            ended = wait_for(api, job)
            promise.require(ended["state"] == "succeeded", f"{kind}: ended as {ended['state']}: {ended['error']}")
            log = "" if ended["attempt"] == 1 else api.get(f"/jobs/{job}/log").text
            promise.require(not log, f"{kind}: the training was started {ended['attempt']} times:\n{log}")
            lost = [one for one in accepted if wait_for(api, one)["state"] != "succeeded"]
            promise.require(not lost, f"{kind}: accepted and lost: {lost}")
        # After the other outages it was the next try's training that ran.
        promise.require(succeeds(api), "a job submitted afterwards did not run")
        promise.require(
            is_within(max(submissions.seconds), ANSWER_LIMIT_S), f"submitting took {max(submissions.seconds):.1f} s"
        )
        promise.require(is_within(max(reads.seconds), ANSWER_LIMIT_S), f"reading took {max(reads.seconds):.1f} s")
        promise.measure(f"submission answered after at most {max(submissions.seconds):.2f} s")
        promise.measure(f"read of a job after at most {max(reads.seconds):.2f} s")
        promise.measure(
            f"predict p99 {1000 * percentile(outage_s, 0.99):.0f} ms in an outage, "
            f"{1000 * percentile(idle_s, 0.99):.0f} ms beside a training without one"
        )
        if IS_LONG:
            promise.require(percentile(outage_s, 0.99) <= 2 * percentile(idle_s, 0.99), "predictions were slower")
