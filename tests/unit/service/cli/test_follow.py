"""A job is followed to its end through cut streams, silent servers and proxies that eat streams."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.cli.client import Client, ServerRefused, ServerUnreachable
from service.cli.follow import RETRIES, JobFollower
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState

MakeJob = Callable[..., JobRecord]
Answer = httpx.Response | Exception


def event(number: int, kind: str, data: dict[str, Any]) -> str:
    return f"id: {number}-0\nevent: {kind}\ndata: {json.dumps(data)}\n\n"


def stream(*events: str) -> httpx.Response:
    return httpx.Response(200, text="".join(events), headers={"Content-Type": "text/event-stream"})


def as_json(job: JobRecord) -> dict[str, Any]:
    return job.model_dump(mode="json")


class ScriptedServer:
    """Answers with what it was given, one after another, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def follower(server: ScriptedServer, job: JobRecord) -> JobFollower:
    return JobFollower(
        Client("http://convserve.test", transport=httpx.MockTransport(server)), job, sleep=lambda _: None
    )


EPOCH = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.7}


def test_events_change_what_is_known_of_the_job(make_job: MakeJob) -> None:
    done = make_job(state="succeeded")
    server = ScriptedServer(
        stream(
            event(1, "state", as_json(make_job())),
            event(2, "progress", {"phase": "training", "epoch": 1, "step": 7}),
            event(3, "epoch", {"epoch": 1, **EPOCH}),
            event(4, "state", as_json(done)),
        )
    )
    seen = list(follower(server, make_job(state="queued")).updates())
    assert [job.state for job in seen] == [JobState.RUNNING] * 3 + [JobState.SUCCEEDED]
    assert seen[1].progress.step == 7
    assert seen[2].history.val_accuracy == (0.7,)
    assert len(server.requests) == 1


def test_a_cut_stream_is_resumed_where_it_ended(make_job: MakeJob) -> None:
    server = ScriptedServer(
        stream(event(7, "state", as_json(make_job()))),
        httpx.Response(200, json=as_json(make_job())),
        stream(event(8, "state", as_json(make_job(state="succeeded")))),
    )
    *_, last = follower(server, make_job()).updates()
    assert last.state is JobState.SUCCEEDED
    assert "Last-Event-ID" not in server.requests[0].headers
    assert server.requests[1].url.path == "/jobs/k3v9x2m7qd"
    assert server.requests[2].headers["Last-Event-ID"] == "7-0"


def test_an_epoch_told_twice_counts_once(make_job: MakeJob) -> None:
    told = event(1, "epoch", {"epoch": 1, **EPOCH})
    server = ScriptedServer(stream(told, told, event(3, "state", as_json(make_job(state="cancelled")))))
    seen = list(follower(server, make_job()).updates())
    assert [len(job.history.loss) for job in seen[:2]] == [1, 1]


def test_where_streams_do_not_get_through_questions_do(make_job: MakeJob) -> None:
    server = ScriptedServer(
        httpx.Response(200, text="<html>", headers={"Content-Type": "text/html"}),
        httpx.Response(200, json=as_json(make_job())),
        httpx.ReadTimeout("silence"),
        httpx.Response(200, json=as_json(make_job(state="failed"))),
    )
    seen = list(follower(server, make_job(state="queued")).updates())
    assert [job.state for job in seen] == [JobState.RUNNING, JobState.FAILED]


def test_a_server_that_is_gone_for_a_while_is_waited_for(make_job: MakeJob) -> None:
    gone = httpx.ConnectError("refused")
    server = ScriptedServer(gone, gone, gone, gone, httpx.Response(503, json={"detail": "no queue"}), gone)
    server.answers[-1:] = [stream(event(9, "state", as_json(make_job(state="succeeded"))))]
    *_, last = follower(server, make_job()).updates()
    assert last.state is JobState.SUCCEEDED


def test_a_server_that_stays_away_is_given_up(make_job: MakeJob) -> None:
    server = ScriptedServer(httpx.ConnectError("refused"))
    with pytest.raises(ServerUnreachable):
        list(follower(server, make_job()).updates())
    assert len(server.requests) == 2 * (RETRIES + 1)


def test_a_job_that_was_forgotten_is_an_error_at_once(make_job: MakeJob) -> None:
    server = ScriptedServer(httpx.Response(404, json={"detail": "there is no job", "code": "job_not_found"}))
    with pytest.raises(ServerRefused, match="there is no job"):
        list(follower(server, make_job()).updates())
    assert len(server.requests) == 1


def test_a_job_that_has_ended_is_not_asked_about(make_job: MakeJob) -> None:
    server = ScriptedServer(httpx.ConnectError("refused"))
    assert list(follower(server, make_job(state="succeeded")).updates()) == []
    assert not server.requests
