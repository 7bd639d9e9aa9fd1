"""What a person is told when a server refuses, breaks off or is not there."""

from collections.abc import Callable

import httpx
import pytest

from service.cli.client import Client, ServerRefused, ServerUnreachable
from service.cli.errors import CommandFailed

ClientOf = Callable[[Callable[[httpx.Request], httpx.Response]], Client]


def test_a_refusal_shows_the_detail_and_every_field(client_of: ClientOf) -> None:
    problem = {
        "detail": "The request is not valid: body.epochs: too small (and 1 more)",
        "code": "validation_failed",
        "errors": [
            {"loc": ["body", "epochs"], "message": "too small"},
            {"loc": ["body", "seed"], "message": "not a number"},
        ],
    }
    with pytest.raises(ServerRefused) as refusal:
        client_of(lambda _: httpx.Response(422, json=problem)).post("/jobs", {})
    assert refusal.value.status == 422
    assert refusal.value.code == "validation_failed"
    assert str(refusal.value) == f"{problem['detail']}\n  body.seed: not a number"


def test_a_refusal_without_a_problem_document_shows_the_status(client_of: ClientOf) -> None:
    with pytest.raises(ServerRefused, match="the server answered 502 Bad Gateway"):
        client_of(lambda _: httpx.Response(502, text="<html>")).get("/jobs")


def test_a_server_that_is_not_there_is_one_line_and_a_hint(client_of: ClientOf) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ServerUnreachable) as failure:
        client_of(refuse).get("/jobs")
    assert failure.value.message == "no server answers at http://convserve.test"
    assert failure.value.hint is not None


def test_a_connection_that_breaks_says_so(client_of: ClientOf) -> None:
    def break_off(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    with pytest.raises(ServerUnreachable, match="broke: ReadTimeout"):
        client_of(break_off).get("/jobs")


def test_another_server_is_recognised_as_such(client_of: ClientOf) -> None:
    with pytest.raises(CommandFailed, match="not a convserve server"):
        client_of(lambda _: httpx.Response(200, text="<html>")).get("/jobs")


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(CommandFailed, match="must begin with http://"):
        Client("localhost:8000")


def test_parameters_that_were_not_given_are_not_sent(client_of: ClientOf) -> None:
    seen: list[httpx.URL] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={})

    client_of(respond).get("/jobs", state=None, limit=3)
    assert seen[0].query == b"limit=3"
