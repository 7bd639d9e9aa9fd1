"""One stack that is watched: its traces arrive at a collector, and its log is JSON from the first line to the last."""

import itertools
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.busy_machine import is_within
from tests.collector import Collector, SeenSpan
from tests.running import running_stack, submit, wait_for
from tests.unit.service.tiny_networks import grey_picture
from worker.telemetry.tracing import open_tracing

FOREIGN_TRACE = "ab" * 16
FOREIGN_SPAN = "cd" * 8
SUBMISSION = "submission-1"
PREDICTION = "prediction-1"


LINEAR = {"type": "dense", "units": 64, "activation": "linear"}
OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
UNBOUNDED = {"layers": [{"type": "flatten"}, LINEAR, LINEAR, LINEAR, OUTPUT]}
"""A network whose loss grows without end at a large learning rate."""


class Watched:
    """What was seen of a stack that trained, failed, classified, and ended."""

    def __init__(self, collector: Collector, log: str, good: dict[str, Any], bad: dict[str, Any]) -> None:
        self.collector = collector
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines()]
        self.good = good
        self.bad = bad

    def span(self, name: str, **attributes: object) -> SeenSpan:
        (found,) = [
            span
            for span in self.collector.spans(name)
            if all(span.attributes.get(f"convserve.{key}") == value for key, value in attributes.items())
        ]
        return found

    def about(self, **fields: object) -> list[dict[str, Any]]:
        return [line for line in self.lines if fields.items() <= line.items()]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    log = directory / "log.txt"
    with Collector() as collector:
        settings = {
            "CONVSERVE_OTEL_ENDPOINT": collector.url,
            "CONVSERVE_OTEL_SERVICE_NAME": "our lab",
            "CONVSERVE_LOG_FORMAT": "json",
        }
        with running_stack(directory / "data", log, **settings) as stack, httpx.Client(base_url=stack.url) as api:
            api.headers["X-Request-ID"] = SUBMISSION
            api.headers["traceparent"] = f"00-{FOREIGN_TRACE}-{FOREIGN_SPAN}-01"
            good = submit(api)
            del api.headers["traceparent"]
            bad = submit(api, epochs=50, optimizer={"name": "sgd", "learning_rate": 100}, architecture=UNBOUNDED)
            good, bad = wait_for(api, good["id"]), wait_for(api, bad["id"])
            answer = api.post(
                "/predict", files={"file": ("x.png", grey_picture(4))}, headers={"X-Request-ID": PREDICTION}
            )
            assert answer.status_code == 200, answer.text
        yield Watched(collector, log.read_text(), good, bad)


def test_the_jobs_ended_as_meant(watched: Watched) -> None:
    assert (watched.good["state"], watched.bad["state"]) == ("succeeded", "failed")
    assert watched.good["submitted_by"] == watched.bad["submitted_by"] == SUBMISSION


def test_a_request_continues_its_callers_trace_and_the_job_continues_the_request(watched: Watched) -> None:
    job = watched.span("job", job=watched.good["id"])
    submission = watched.span("submit job", job=watched.good["id"])
    (request,) = [span for span in watched.collector.spans("POST /jobs") if span.trace_id == FOREIGN_TRACE]
    assert job.trace_id == submission.trace_id == request.trace_id == FOREIGN_TRACE
    assert (request.parent_id, submission.parent_id, job.parent_id) == (
        FOREIGN_SPAN,
        request.span_id,
        submission.span_id,
    )
    assert (request.process, job.process) == ("api", "worker")
    assert {request.service, job.service} == {"our lab"}
    assert request.attributes["http.route"] == "/jobs"
    assert request.attributes["http.response.status_code"] == 202
    assert job.attributes["convserve.outcome"] == "succeeded"
    assert job.attributes["convserve.request_id"] == SUBMISSION


def test_a_job_has_a_span_for_each_phase_one_after_the_other(watched: Watched) -> None:
    job = watched.span("job", job=watched.good["id"])
    phases = watched.collector.children(job)
    assert [phase.name for phase in phases] == [
        *("starting", "preparing", "training", "evaluating", "exporting", "publishing"),
    ]
    assert all(before.ended_at <= after.started_at for before, after in itertools.pairwise(phases))
    assert job.started_at <= phases[0].started_at
    assert phases[-1].ended_at <= job.ended_at


def test_a_job_that_failed_says_so_and_has_a_trace_of_its_own(watched: Watched) -> None:
    job = watched.span("job", job=watched.bad["id"])
    assert job.has_failed
    assert not watched.span("job", job=watched.good["id"]).has_failed
    assert job.attributes["convserve.outcome"] == "failed"
    assert job.trace_id != FOREIGN_TRACE


def test_a_prediction_has_its_stages_inside(watched: Watched) -> None:
    (request,) = watched.collector.spans("POST /predict")
    decode, inference = watched.collector.children(request)
    assert (decode.name, inference.name) == ("decode", "inference")
    assert inference.attributes["convserve.pictures"] == 1
    compute_s = inference.attributes["convserve.compute_s"]
    assert isinstance(compute_s, float)
    assert 0 < compute_s <= (inference.ended_at - inference.started_at) / 1e9


def test_every_process_logs_json_only(watched: Watched) -> None:
    assert {line["process"] for line in watched.lines} == {"up", "valkey", "api", "worker"}
    for line in watched.lines:
        assert {"ts", "level", "process", "logger", "message"} <= line.keys()


def test_each_request_is_logged_once_under_its_id(watched: Watched) -> None:
    (line,) = watched.about(logger="service.access", request_id=PREDICTION)
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict", 200)
    assert line["duration_ms"] > 0
    assert not watched.about(logger="uvicorn.access")


def test_the_workers_lines_about_a_job_carry_the_request_that_submitted_it(watched: Watched) -> None:
    job = watched.good["id"]
    (accepted,) = watched.about(process="api", message=f"job {job}: submitted by request {SUBMISSION}")
    assert accepted["request_id"] == SUBMISSION
    lines = watched.about(process="worker", job=job)
    assert all(line["request_id"] == SUBMISSION for line in lines)
    messages = [line["message"] for line in lines]
    assert messages[0].startswith(f"job {job}: attempt 1, trainer ")
    assert messages[0].endswith(f"submitted by request {SUBMISSION}")
    assert messages[-1] == f"job {job}: published {watched.good['model']['name']} version 1"
    assert any("test accuracy" in line["message"] for line in watched.about(logger="worker.trainer", job=job))


@pytest.mark.parametrize("listens", [False, True])
def test_a_collector_that_is_away_or_silent_does_not_keep_a_process_alive(listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if not listens:
            silent.close()
        tracing = open_tracing(url, "convserve", "api")
        for _ in range(2000):
            with tracing.span("lost"):
                pass
        began_at = time.monotonic()
        tracing.close()
        assert is_within(time.monotonic() - began_at, 4)
