"""What works whichever API answers: jobs, streams, grids, uploads, keys, aliases, predictions."""

from collections.abc import Callable
from typing import Any

from benchmarks.hosts.lab import JOB_S, LONG, Lab, require, wait_until
from benchmarks.hosts.plan import APIS, BALANCER, Host
from benchmarks.hosts.traffic import PICTURE, Stream
from tests.archives import stripes, zipped
from tests.busy_machine import is_within
from tests.running import SMALL_TRAINING

FIRST, SECOND = APIS
SEEN_S = 3.0
"""A change is known to every API within two seconds, and a request takes its time."""
STEADY = "steady"
"""The model that the checks predict with."""
PREDICT = f"/models/{STEADY}/versions/1/predict"


def predicted(lab: Lab, host: Host, path: str) -> dict[str, Any]:
    """One answer of a model."""
    found: dict[str, Any] = lab.ask("POST", path, host, **PICTURE).json()
    return found


def a_job(lab: Lab) -> str:
    """Submitted to one API, read from the other, served by both."""
    job = lab.submit(FIRST, model=STEADY)
    wait_until(
        lambda: lab.job(job, SECOND)["state"] == "succeeded", JOB_S, "the second API says that the job succeeded"
    )
    took_s = [_served_s(lab, api) for api in APIS]
    require(is_within(max(took_s), SEEN_S), f"served after {max(took_s):.1f} s")
    return f"served by both after at most {max(took_s):.1f} s"


def a_stream(lab: Lab) -> str:
    """Followed through the balancer while it is submitted to one API."""
    job = lab.submit(SECOND, model="followed", epochs=20)
    stream = Stream(lab, job)
    stream.start()
    stream.await_end(JOB_S)
    require(stream.epochs == list(range(1, 21)), f"the stream told of epochs {stream.epochs}")
    return "20 epochs in order"


def a_grid(lab: Lab) -> str:
    """Eight trainings on four workers."""
    body = SMALL_TRAINING | {"model": "grid", "epochs": 8, "grid": {"seed": list(range(8))}}
    group = lab.ask_once("POST", "/jobs", FIRST, json=body).json()
    jobs = [job["id"] for job in group["jobs"]]
    lab.accepted += jobs
    hosts: set[str] = set()

    def is_over() -> bool:
        hosts.update(worker["host"] for worker in lab.workers() if worker["running"])
        return {job["state"] for job in lab.ask("GET", f"/groups/{group['id']}", SECOND).json()["jobs"]} == {
            "succeeded"
        }

    wait_until(is_over, JOB_S, "the grid has succeeded")
    require(len(hosts) == 4, f"only {sorted(hosts)} worked on it")
    compared = lab.ask("GET", f"/compare?group={group['id']}", SECOND).json()
    require(bool(compared["verdict"]["text"]), "there is no comparison")
    return f"8 trainings on {len(hosts)} hosts"


def an_upload(lab: Lab) -> str:
    """A dataset sent to one API, seen by the other, trained on by a worker of a third host."""
    form = {
        "files": {"file": ("upload.zip", zipped(stripes(60, seed=1)), "application/zip")},
        "data": {"name": "stripes"},
    }
    lab.ask_once("POST", "/datasets", FIRST, **form)
    wait_until(lambda: _is_ready(lab, "stripes"), 60, "the second API says that the dataset is ready")
    job = lab.submit(SECOND, dataset="stripes", model="stripes", train_samples=None, architecture="cnn")
    accuracy = lab.wait_for_end(job)["model"]["test_accuracy"]
    return f"trained on, test accuracy {accuracy:.2f}"


def keys(lab: Lab) -> str:
    """Made by one API, known to the other; revoked there, and refused by the first."""
    key = lab.ask_once("POST", "/keys", FIRST, json={"name": "ada", "scope": "predict"}).json()["key"]
    known_s = wait_until(lambda: _status(lab, SECOND, key) == 200, 30, "the second API knows the key")
    lab.ask("DELETE", "/keys/ada", SECOND)
    refused_s = wait_until(lambda: _status(lab, FIRST, key) == 401, 30, "the first API refuses the revoked key")
    require(is_within(max(known_s, refused_s), SEEN_S), f"known after {known_s:.1f} s, refused after {refused_s:.1f} s")
    return f"known after {known_s:.1f} s, refused after {refused_s:.1f} s"


def aliases(lab: Lab) -> str:
    """Moved by one API, followed by the other."""
    lab.wait_for_end(lab.submit(BALANCER, model=STEADY, seed=2))
    took_s = []
    for version, setting, asking in ((1, FIRST, SECOND), (2, SECOND, FIRST)):
        lab.ask("PUT", f"/models/{STEADY}/aliases/champion", setting, json={"version": version})
        path = f"/models/{STEADY}/aliases/champion/predict"
        took_s.append(wait_until(_answers_with(lab, asking, path, version), 30, "the other API follows the alias"))
    require(is_within(max(took_s), SEEN_S), f"followed after {max(took_s):.1f} s")
    return f"followed after at most {max(took_s):.1f} s"


def predictions(lab: Lab) -> str:
    """The same answer from both, and through the balancer."""
    answers = [predicted(lab, host, PREDICT)["predictions"] for host in (*APIS, *[BALANCER] * 10)]
    require(all(answer == answers[0] for answer in answers), "the answers differ")
    return f"{len(answers)} equal answers"


def long_job(lab: Lab, **changes: object) -> tuple[str, Host]:
    """Submit a training of some ten seconds; its id and the host that trains it."""
    job = lab.submit(**LONG | changes)
    return job, lab.wait_until_training(job)


def _served_s(lab: Lab, host: Host) -> float:
    return wait_until(lambda: _status(lab, host) == 200, 30, f"{host.name} serves the version")


def _is_ready(lab: Lab, dataset: str) -> bool:
    with lab.client(SECOND) as client:
        return bool(client.get(f"/datasets/{dataset}").json().get("state") == "ready")


def _status(lab: Lab, host: Host, key: str | None = None) -> int:
    with lab.client(host, key) as client:
        return client.post(PREDICT, **PICTURE).status_code


def _answers_with(lab: Lab, host: Host, path: str, version: int) -> Callable[[], bool]:
    return lambda: predicted(lab, host, path)["version"] == version
