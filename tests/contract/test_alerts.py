"""The alerts for Prometheus: each fires when `/metrics` shows its fault, and none fires for a healthy server.

Prometheus' own `promtool` evaluates the rules; without it, only names and labels are compared with the code.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.telemetry.metrics import LoadedModel, Metrics
from tests.contract.test_deployment import GPU, load
from tests.paths import PROJECT
from worker.jobs.records import QueueOverview
from worker.jobs.states import JobState
from worker.jobs.workers import Worker

ALERTS = PROJECT / "deploy" / "prometheus" / "alerts.yml"
OF_PROMETHEUS = "up"
MINUTES = 90
WORKER = Worker(id="a", host="here", since=None, trainer_bytes=1, gpus=(), running=None)
Page = Callable[[int], str]
"""What `/metrics` answers in a minute."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queue(failed: int = 0, queued: int = 1, longest_wait_s: float = 1) -> QueueOverview:
    jobs = dict.fromkeys(JobState, 1) | {JobState.FAILED: failed}
    return QueueOverview(jobs=jobs, queued=queued, longest_wait_s=longest_wait_s, images_per_second=100)


class Server:
    """An API process that answers a request a second, one minute after the other."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.queue: QueueOverview | None = queue()
        self.workers = [WORKER]
        self.metrics.inputs_compared("shirts", 0.1)

    def serve(self, status: int = 200, duration_s: float = 0.01, n: int = 60) -> None:
        for _ in range(n):
            self.metrics.request_answered("/models/{name}/predict", "POST", status, duration_s)

    def page(self) -> str:
        return self.metrics.page([LoadedModel("shirts", 1, 1)], self.queue, self.workers).decode()


def sound(server: Server, _: int) -> None:
    server.serve()


def without_redis(server: Server, _: int) -> None:
    server.serve()
    server.queue, server.workers = None, []


def without_workers(server: Server, _: int) -> None:
    server.serve()
    server.workers = []


def with_a_long_queue(server: Server, minute: int) -> None:
    server.serve()
    server.queue = queue(longest_wait_s=60.0 * minute)


def with_failing_jobs(server: Server, minute: int) -> None:
    server.serve()
    server.queue = queue(failed=minute // 10)


def with_errors(server: Server, _: int) -> None:
    server.serve(n=50)
    server.serve(status=507, n=10)


def with_too_many_requests(server: Server, _: int) -> None:
    server.serve(n=30)
    server.serve(status=429, n=30)


def slow(server: Server, _: int) -> None:
    server.serve(duration_s=3.0)


def with_other_pictures(server: Server, _: int) -> None:
    server.serve()
    server.metrics.inputs_compared("shirts", 0.6)


FAULTS: dict[str, Callable[[Server, int], None]] = {
    "ConvserveQueueUnreachable": without_redis,
    "ConvserveNoWorker": without_workers,
    "ConvserveJobsWait": with_a_long_queue,
    "ConvserveJobsFail": with_failing_jobs,
    "ConvserveServerErrors": with_errors,
    "ConvservePredictionsRefused": with_too_many_requests,
    "ConvservePredictionsSlow": slow,
    "ConvserveInputShifted": with_other_pictures,
}
OF_THE_PROCESS = {
    "ConvserveDown": (OF_PROMETHEUS, lambda _: 0.0),
    "ConvserveRestarts": ("convserve_process_start_time_seconds", lambda minute: 1e9 + 60 * (minute // 5)),
    "ConvserveFilesRunOut": ("convserve_process_open_fds", lambda _: 900.0),
}
"""Faults of a whole process, which no test can have in its own: series that take these values instead."""


def series_of(fault: Callable[[Server, int], None], changed: tuple[str, Callable[[int], float]] | None) -> list[Any]:
    """What Prometheus has read: one value a minute of every sample of the page."""
    server, found = Server(), dict[str, dict[int, float]]()
    for minute in range(MINUTES):
        fault(server, minute)
        for family in text_string_to_metric_families(server.page()):
            for sample in family.samples:
                labels = {"job": "convserve", "instance": "api:8000", **sample.labels}
                named = ",".join(f"{label}={json.dumps(value)}" for label, value in labels.items())
                found.setdefault(f"{sample.name}{{{named}}}", {})[minute] = _value(sample.name, sample.value)
    found[f'{OF_PROMETHEUS}{{job="convserve",instance="api:8000"}}'] = dict.fromkeys(range(MINUTES), 1.0)
    if changed:
        (name,) = (name for name in found if name.partition("{")[0] == changed[0])
        found[name] = {minute: changed[1](minute) for minute in range(MINUTES)}
    return [
        {"series": name, "values": " ".join(str(values.get(minute, "_")) for minute in range(MINUTES))}
        for name, values in found.items()
    ]


def _value(name: str, value: float) -> float:
    """A limit of 1,000 files, whatever this process has, so that the share is known."""
    return {"convserve_process_open_fds": 50.0, "convserve_process_max_fds": 1000.0}.get(name, value)


def fired(directory: Path, fault: Callable[[Server, int], None], changed: Any = None) -> set[str]:  # noqa: ANN401
    """Names of the alerts that promtool says fire at the end; it is told to expect none."""
    alerts = [rule["alert"] for rule in rules()]
    test = {
        "interval": "1m",
        "input_series": series_of(fault, changed),
        "alert_rule_test": [{"eval_time": f"{MINUTES - 1}m", "alertname": name, "exp_alerts": []} for name in alerts],
    }
    file = directory / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "SUCCESS" in said or "FAILED" in said, said
    return {name for name in alerts if f"alertname: {name}," in said}


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@needs_promtool
def test_no_alert_fires_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert fired(tmp_path, sound) == set()


@needs_promtool
@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules()])
def test_an_alert_is_fired_by_its_fault_and_by_no_other(alert: str, tmp_path: Path) -> None:
    assert fired(tmp_path, FAULTS.get(alert, sound), OF_THE_PROCESS.get(alert)) == {alert}


def test_every_rule_has_a_fault_that_is_tested() -> None:
    assert {rule["alert"] for rule in rules()} == FAULTS.keys() | OF_THE_PROCESS.keys()


def test_every_metric_of_a_rule_exists_with_its_labels() -> None:
    server = Server()
    server.serve()
    known = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(server.page())
        for sample in family.samples
    }
    for rule in rules():
        for name, labels in re.findall(r"(convserve_\w+)(?:{([^}]*)})?", rule["expr"]):
            assert name in known, rule["alert"]
            assert set(re.findall(r"(\w+)[=!]", labels)) <= known[name], rule["alert"]


def test_every_rule_says_what_it_means_and_has_a_place_in_the_documentation() -> None:
    page = (PROJECT / "docs" / "how-to" / "observe.md").read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert f"`{rule['alert']}`" in page


def test_prometheus_gets_the_rules() -> None:
    (path,) = yaml.safe_load((PROJECT / "deploy" / "prometheus.yml").read_text())["rule_files"]
    mounts = dict(mount.split(":")[:2] for mount in load(GPU)["services"]["prometheus"]["volumes"])
    assert mounts[f"./{ALERTS.relative_to(PROJECT)}"] == path
