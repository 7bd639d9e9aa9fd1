"""What holds when a host is killed, cut off or slowed."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from uuid import uuid4

import httpx

from benchmarks.hosts.fleet import log_of
from benchmarks.hosts.lab import LONG, Lab, require, wait_until
from benchmarks.hosts.plan import APIS, LEASE_S, REDIS, STORE, Host
from benchmarks.hosts.sharing_checks import PREDICT, STEADY, long_job, predicted
from benchmarks.hosts.traffic import OUTAGE_S, Stream, steady_predictions
from tests.busy_machine import is_within
from tests.running import SMALL_TRAINING

FIRST, SECOND = APIS
AWAY_S = 8.0
"""How long Redis or the store is away: longer than a lease and its second look."""
TAKEN_OVER_S = 45.0


def worker_killed(lab: Lab) -> str:
    """Its job goes on elsewhere after its last epoch."""
    job, host = long_job(lab, model="killed")
    lab.fleet.kill(host)
    began = time.monotonic()
    other = _wait_for_another(lab, job, host)
    took_s = time.monotonic() - began
    lab.fleet.start(host)
    _require_one_version(lab, job)
    return f"{other.name} went on for {host.name} after {took_s:.0f} s (lease {LEASE_S} s)"


def worker_cut_off(lab: Lab) -> str:
    """Its job goes on elsewhere; when the lost worker is back, it publishes nothing."""
    job, host = long_job(lab, model="cut")
    with lab.without(host):
        other = _wait_for_another(lab, job, host)
        _require_one_version(lab, job)
    wait_until(
        lambda: f"job {job}: its claim was lost" in log_of(host).read_text(), 60, f"{host.name} notices its loss"
    )
    require(len(lab.versions_of(job)) == 1, "the worker that came back has published, too")
    return f"{other.name} published; {host.name} came back and published nothing"


def worker_cut_off_for_a_moment(lab: Lab) -> str:
    """Shorter than a lease: the same worker goes on in the same attempt."""
    job, host = long_job(lab, model="blinked")
    with lab.without(host):
        time.sleep(LEASE_S / 2)
    ended = _require_one_version(lab, job)
    require(ended["attempt"] == 1, f"it took {ended['attempt']} attempts")
    return f"{host.name} went on after {LEASE_S / 2:.0f} s without a link"


def worker_slowed(lab: Lab) -> str:
    """It trains and publishes all the same."""
    job, host = long_job(lab, model="slowed")
    with lab.slowed(host):
        ended = _require_one_version(lab, job)
    require(ended["attempt"] == 1, f"it took {ended['attempt']} attempts")
    return f"{host.name} published in its first attempt"


def worker_preempted(lab: Lab) -> str:
    """Told to stop: it gives its job back, and another one goes on, without an attempt being charged."""
    job, host = long_job(lab, model="preempted")
    lab.fleet.terminate(host)
    took_s = wait_until(lambda: not lab.fleet.is_running(host), 60, f"{host.name} has ended")
    other = _wait_for_another(lab, job, host)
    lab.fleet.start(host)
    ended = _require_one_version(lab, job)
    require(ended["attempt"] == 1, f"it was charged: attempt {ended['attempt']}")
    return f"{host.name} ended after {took_s:.1f} s, {other.name} went on"


def api_killed(lab: Lab) -> str:
    """Streams and predictions go on through the other API; a new process is ready soon."""

    def come_back() -> None:
        lab.fleet.start(FIRST)

    return _api_lost(lab, lambda: lab.fleet.kill(FIRST), come_back)


def api_cut_off(lab: Lab) -> str:
    """The same without a closed connection to tell of it."""
    return _api_lost(lab, lambda: lab.network.cut(FIRST), lambda: lab.network.join(FIRST))


def api_slowed(lab: Lab) -> str:
    """It answers, more slowly: predictions, jobs and changes."""
    with lab.slowed(FIRST):
        began = time.monotonic()
        predicted(lab, FIRST, PREDICT)
        took_s = time.monotonic() - began
        job = lab.submit(FIRST, model="by-slow-api")
        # Asked once: a client that asks again every few seconds would make it slower.
        lab.ask_once("PUT", f"/models/{STEADY}/aliases/slow", FIRST, json={"version": 1})
        lab.wait_for_end(job)
        require(predicted(lab, FIRST, f"/models/{STEADY}/aliases/slow/predict")["version"] == 1, "the alias is wrong")
    return f"a prediction took {took_s:.1f} s; job and alias by the slow API"


def redis_cut_off(lab: Lab) -> str:
    """Predictions go on, submissions are accepted or refused, and the training does not notice."""
    return _redis_away(lab, lab.without(REDIS), "r-cut")


def redis_killed(lab: Lab) -> str:
    """The same when its process ends and starts again with what it has written."""
    return _redis_away(lab, lab.killed(REDIS), "r-killed")


def redis_slowed(lab: Lab) -> str:
    """Jobs run, and are followed."""
    with lab.slowed(REDIS):
        job = lab.submit(model="slow-redis", epochs=10)
        stream = Stream(lab, job)
        stream.start()
        ended = _require_one_version(lab, job)
        stream.await_end(30)
    require(stream.epochs == list(range(1, 11)), f"the stream told of epochs {stream.epochs}")
    require(ended["attempt"] == 1, f"it took {ended['attempt']} attempts")
    return "submitted, followed and published"


def store_cut_off(lab: Lab) -> str:
    """Known models answer, a training waits for its store where it must, and publishes."""
    job, _ = long_job(lab, model="s-cut")
    with steady_predictions(lab, PREDICT) as seen, lab.without(STORE):
        time.sleep(AWAY_S)
    require(is_within(seen.worst_s, OUTAGE_S), f"{seen}")
    _require_one_version(lab, job)
    return str(seen)


def store_slowed(lab: Lab) -> str:
    """Checkpoints, publishing and loading take longer, and work."""
    with lab.slowed(STORE):
        job = lab.submit(model="slow-store", epochs=10)
        _require_one_version(lab, job)
        took_s = wait_until(lambda: _serves(lab, "slow-store"), 60, "an API serves the version")
    return f"published, served {took_s:.1f} s later"


def nothing_lost(lab: Lab) -> str:
    """Every job that was accepted has succeeded and has published one version; there are no others."""
    for job in lab.accepted:
        _require_one_version(lab, job)
    models = lab.ask("GET", "/models").json()["models"]
    n_versions = sum(len(lab.ask("GET", f"/models/{model['name']}").json()["versions"]) for model in models)
    require(n_versions == len(lab.accepted), f"{n_versions} versions of {len(lab.accepted)} jobs")
    return f"{len(lab.accepted)} jobs, {n_versions} versions"


def _redis_away(lab: Lab, away: AbstractContextManager[None], model: str) -> str:
    job, _ = long_job(lab, model=model)
    key, body = uuid4().hex, SMALL_TRAINING | {"model": f"{model}-sent"}
    with steady_predictions(lab, PREDICT) as seen, away:
        time.sleep(1)
        answer = _sent(lab, key, body)
        time.sleep(AWAY_S)
    require(answer in (202, 503), f"a submission was answered {answer}")
    require(is_within(seen.worst_s, OUTAGE_S), f"{seen}")
    again = lab.ask("POST", "/jobs", json=body, headers={"Idempotency-Key": key}).json()["id"]
    lab.accepted.append(again)
    for accepted in (job, again):
        ended = _require_one_version(lab, accepted)
        require(ended["attempt"] == 1, f"job {accepted} took {ended['attempt']} attempts")
    return f"{seen}; a submission meanwhile: {answer}"


def _sent(lab: Lab, key: str, body: dict[str, object]) -> int:
    """The status of the first answer; on a busy machine the balancer may have closed the connection before it."""
    answers: list[int] = []

    def is_answered() -> bool:
        with suppress(httpx.TransportError), lab.client() as client:
            answers.append(client.post("/jobs", json=body, headers={"Idempotency-Key": key}).status_code)
        return bool(answers)

    wait_until(is_answered, 10, "a submission is answered")
    return answers[0]


def _api_lost(lab: Lab, lose: Callable[[], None], come_back: Callable[[], None]) -> str:
    job, _ = long_job(lab, model="streamed")
    streams = [Stream(lab, job) for _ in range(4)]
    for stream in streams:
        stream.start()
    with steady_predictions(lab, PREDICT) as seen:
        wait_until(lambda: all(stream.state for stream in streams), 10, "every stream has begun")
        lose()
        time.sleep(OUTAGE_S)
        during = lab.submit(model="streamed")
        come_back()
        back_s = lab.wait_until_ready(FIRST)
    require(is_within(seen.worst_s, OUTAGE_S), f"{seen}")
    for accepted in (job, during):
        _require_one_version(lab, accepted)
    for stream in streams:
        stream.await_end(60)
        first = stream.epochs[0] if stream.epochs else 0
        wanted = list(range(first, LONG["epochs"] + 1))
        told = f"a stream told of epochs {stream.epochs} and of the state {stream.state}"
        require(stream.state == "succeeded" and stream.epochs == wanted, told)
    n_resumed = sum(stream.connections > 1 for stream in streams)
    require(n_resumed > 0, "no stream was cut off")
    return f"{seen}; {n_resumed} of 4 streams resumed without a gap; ready again after {back_s:.1f} s"


def _require_one_version(lab: Lab, job: str) -> dict[str, object]:
    ended = lab.wait_for_end(job)
    found = lab.versions_of(job)
    require(len(found) == 1, f"job {job} has published {len(found)} versions")
    history = ended["history"]["loss"]
    require(len(history) == ended["request"]["epochs"], f"job {job} has {len(history)} epochs in its history")
    return ended


def _wait_for_another(lab: Lab, job: str, lost: Host) -> Host:
    """The host that goes on with a job."""
    found: list[Host] = []

    def is_found() -> bool:
        if lab.job(job)["progress"]["phase"] == "training":
            found.append(lab.wait_until_training(job))
        return bool(found) and found[-1] != lost

    wait_until(is_found, TAKEN_OVER_S, f"another worker goes on with job {job}")
    return found[-1]


def _serves(lab: Lab, model: str) -> bool:
    try:
        return bool(predicted(lab, FIRST, f"/models/{model}/versions/1/predict")["version"] == 1)
    except httpx.HTTPStatusError:
        return False
