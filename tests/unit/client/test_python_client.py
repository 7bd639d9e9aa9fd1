"""The Python client: what it sends, what it makes of answers, and that both clients are the same."""

import inspect
import io
import json
from collections.abc import Iterator
from pathlib import Path

import convserve
import httpx
import pytest
from convserve import calls, sending
from convserve.progress import ProgressLine
from PIL import Image

from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio

JOB = {"id": "k3v9x2m7qd", "state": "running", "request": {"epochs": 4}, "history": {"loss": [0.5], "best_epoch": 1}}
DONE = {**JOB, "state": "succeeded", "model": {"name": "m", "version": 2, "test_accuracy": 0.9}}
FAILED = {**JOB, "state": "failed", "error": {"code": "diverged", "message": "loss is NaN", "hint": "lower the rate"}}


class Server:
    """Answers in order, and remembers what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers: Iterator[httpx.Response | Exception] = iter(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> convserve.Client:
        return convserve.Client("http://server/", "secret", transport=httpx.MockTransport(self))


def ok(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the client would have slept."""
    slept: list[float] = []
    monkeypatch.setattr("convserve.client.time.sleep", slept.append)
    return slept


def test_a_job_is_submitted_waited_for_and_read() -> None:
    server = Server(ok(JOB, 202), ok(JOB), ok(DONE))
    job = server.client().train("cnn", "cifar10", epochs=4, optimizer=None, model="m").wait(progress=False)
    assert (job.state, job.model, job.test_accuracy) == ("succeeded", "m/2", 0.9)
    assert job.history == {"epoch": [1.0], "loss": [0.5]}
    assert job.history.rows() == [{"epoch": 1.0, "loss": 0.5}]
    first = server.requests[0]
    assert json.loads(first.content) == {"architecture": "cnn", "dataset": "cifar10", "epochs": 4, "model": "m"}
    assert first.headers["authorization"] == "Bearer secret"
    assert first.headers["idempotency-key"]


def test_a_job_that_fails_says_why_and_waiting_has_an_end() -> None:
    with pytest.raises(convserve.JobFailed, match="loss is NaN") as caught:
        Server(ok(FAILED, 202)).client().train("cnn", "cifar10").wait()
    assert (caught.value.code, caught.value.hint) == ("diverged", "lower the rate")
    with pytest.raises(convserve.WaitTimedOut):
        Server(ok(JOB, 202)).client().train("cnn", "cifar10").wait(timeout_s=0)


@pytest.mark.parametrize("url", ["localhost:8000", "", "ftp://localhost"])
@pytest.mark.parametrize("kind", [convserve.Client, convserve.AsyncClient])
def test_a_url_without_http_is_refused_in_words(url: str, kind: type) -> None:
    with pytest.raises(convserve.ConvserveError, match="begins with http:// or https://, got"):
        kind(url)


def test_busy_servers_and_broken_connections_are_asked_again_a_few_times(pauses: list[float]) -> None:
    busy = httpx.Response(429, headers={"Retry-After": "2"}, json={"detail": "busy", "code": "overloaded"})
    server = Server(busy, httpx.ReadError("broken"), ok({"models": []}))
    assert server.client().models() == []
    assert pauses == [2.0, 0.4]
    with pytest.raises(convserve.ServerUnreachable, match="http://server does not answer"):
        Server(*[httpx.ConnectError("refused")] * 4).client().models()
    assert len(pauses) == 2 + sending.MOST_RETRIES


async def test_models_of_all_pages_are_listed() -> None:
    first = {"models": [{"name": "cats"}], "total": 2, "next": "/models?limit=1&after=cats"}
    last = {"models": [{"name": "dogs"}], "total": 2, "next": None}
    server = Server(ok(first), ok(last))
    assert [model["name"] for model in server.client().models()] == ["cats", "dogs"]
    assert [str(request.url) for request in server.requests] == [
        "http://server/models",
        "http://server/models?limit=1&after=cats",
    ]
    async with convserve.AsyncClient(
        "http://server", transport=httpx.MockTransport(Server(ok(first), ok(last)))
    ) as client:
        assert [model["name"] for model in await client.models()] == ["cats", "dogs"]


def test_an_upload_is_not_sent_twice(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"zip")
    server = Server(httpx.ReadError("broken"))
    with pytest.raises(convserve.ServerUnreachable):
        server.client().upload(tmp_path / "a.zip", "pets")


def test_a_refusal_has_the_words_of_the_server() -> None:
    problem = {
        "detail": "there is no model 'x'",
        "code": "model_not_found",
        "errors": [{"loc": ["path"], "message": "m"}],
    }
    with pytest.raises(convserve.ServerRefused, match="no model 'x'") as caught:
        Server(ok(problem, 404)).client().model("x")
    assert (caught.value.status, caught.value.code, len(caught.value.errors)) == (404, "model_not_found", 1)
    with pytest.raises(convserve.ServerRefused) as html:
        Server(httpx.Response(502, text="<html>")).client().models()
    assert (html.value.status, html.value.code) == (502, "")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("m", "/models/m"),
        ("m/3", "/models/m/versions/3"),
        ("m@prod", "/models/m/aliases/prod"),
        ("a b", "/models/a%20b"),
    ],
)
def test_models_are_named_in_one_word(model: str, path: str) -> None:
    assert calls.version_path(model) == path


async def test_pictures_come_in_every_form(api: httpx.AsyncClient, brightness: object, tmp_path: Path) -> None:
    picture = grey_picture(30)
    path = tmp_path / "dark.png"
    path.write_bytes(picture)
    image = Image.open(io.BytesIO(picture))
    async with convserve.AsyncClient("http://localhost", transport=api._transport) as client:  # the application itself
        expected = await client.predict(path, "brightness", top_k=3)
        assert (expected.model, expected.version, len(expected.top_k)) == ("brightness", 1, 3)
        for same in (str(path), picture, io.BytesIO(picture), image):
            assert (await client.predict(same, "brightness/1", top_k=3)).top_k == expected.top_k
        several = await client.predict([picture, b"no picture"])
        assert several[0].label == expected.label
        assert several[1].error
        with pytest.raises(ValueError, match="no answer"):
            _ = several[1].label
        await client.set_alias("brightness", "prod", 1)
        assert (await client.predict(path, "brightness@prod")).label == expected.label
        shown = await client.alias("brightness", "prod")
        assert shown["version"] == 1
        await client.delete_alias("brightness", "prod")
        written = await client.download("brightness/1", "model.onnx", tmp_path)
        assert written.stat().st_size > 100
        assert [model["name"] for model in await client.models()] == ["brightness"]
        await client.delete_model("brightness")
        with pytest.raises(convserve.ServerRefused, match="brightness"):
            await client.model("brightness")


def test_a_url_is_sent_as_one() -> None:
    server = Server(ok({"model": "m", "version": 1, "predictions": []}))
    server.client().predict("https://example.org/boot.png", "m@prod", top_k=2)
    assert json.loads(server.requests[0].content) == {"url": "https://example.org/boot.png"}
    assert str(server.requests[0].url) == "http://server/models/m/aliases/prod/predict?top_k=2"


def test_progress_is_one_line_and_silent_where_it_is_no_terminal() -> None:
    out = io.StringIO()
    line = ProgressLine(True, out)
    line.show(convserve.JobFacts(JOB["id"], "running", JOB))  # type: ignore[arg-type]
    line.end()
    assert out.getvalue() == "\rk3v9x2m7qd running [######..................] 1/4\n"
    silent = io.StringIO()
    ProgressLine(None, silent).show(convserve.JobFacts("j", "running", {}))
    assert silent.getvalue() == ""


@pytest.mark.parametrize(
    ("one", "other"), [(convserve.Client, convserve.AsyncClient), (convserve.Job, convserve.AsyncJob)]
)
def test_both_clients_have_the_same_methods_with_the_same_arguments(one: type, other: type) -> None:
    assert described(one) == described(other)


def described(kind: type) -> dict[str, object]:
    """Arguments and documentation of the public methods, by name."""
    found: dict[str, object] = {}
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            arguments = inspect.signature(member).parameters.values()
            shown = [(each.name, each.kind, each.default) for each in arguments]
            found[name.replace("aclose", "close")] = (shown, member.__doc__)
    return found


def test_an_alias_gets_a_canary_and_a_request_the_key_of_its_user() -> None:
    answer = {"model": "m", "version": 4, "predictions": []}
    server = Server(ok({}), ok({}), ok(answer))
    client = server.client()
    client.set_alias("m", "live", 3)
    client.set_alias("m", "live", 3, canary=(4, 0.1), shadow=(5, 1.0))
    client.predict(grey_picture(3), "m@live", request_key="user 7")
    assert [json.loads(request.content) for request in server.requests[:2]] == [
        {"version": 3},
        {"version": 3, "canary": {"version": 4, "weight": 0.1}, "shadow": {"version": 5, "weight": 1.0}},
    ]
    assert server.requests[2].headers["X-Request-Key"] == "user 7"


def test_feedback_is_sent_and_collected_until_its_dataset_is_there() -> None:
    ready = {"state": "ready", "name": "pets", "version": 2, "addition": None}
    collected = {"dataset": "pets", "version": 2}
    converting = {**ready, "addition": {"state": "converting", "version": 2}}
    server = Server(ok({"feedback": []}, 201), ok(collected, 202), ok(converting), ok(ready))
    client = server.client()
    client.feedback(grey_picture(3), "cat", "shirts/3")
    assert server.requests[0].url.path == "/models/shirts/versions/3/feedback"
    assert server.requests[0].url.params["label"] == "cat"
    assert client.collect_feedback("shirts")["version"] == 2
    assert json.loads(server.requests[1].content) == {}
    failed = {"state": "failed", "version": 2, "error": {"message": "none is new"}}
    server = Server(ok(collected, 202), ok({**ready, "addition": failed}))
    with pytest.raises(convserve.ConvserveError, match="none is new"):
        server.client().collect_feedback("shirts")
