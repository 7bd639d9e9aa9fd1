"""Large archives sent in pieces, to servers in memory that break connections."""

import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli import resuming
from service.cli.client import Client, ServerRefused, ServerUnreachable
from service.cli.resuming import upload_in_pieces
from tests.unit.service.cli.conftest import Respond

ClientOf = Callable[[Respond], Client]
DATA = random.Random(1).randbytes(5_000)


class Server:
    """Keeps what it gets; drops connections as told, before or after it has taken a part of the piece."""

    def __init__(self, faults: list[str]) -> None:
        self.kept = b""
        self.n_sent = 0
        self.asked: list[str] = []
        self.metadata = ""
        self._faults = faults

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        match request.method:
            case "POST":
                self.metadata = request.headers["upload-metadata"]
                return httpx.Response(201, headers={"Location": "/uploads/1"})
            case "HEAD":
                return httpx.Response(200, headers={"Upload-Offset": str(len(self.kept))})
            case "GET":
                return httpx.Response(200, json={"name": "pets", "state": "converting"})
        assert int(request.headers["upload-offset"]) == len(self.kept)
        self.n_sent += len(request.content)
        fault = self._faults.pop(0) if self._faults else ""
        if fault == "busy":
            return httpx.Response(423, json={"code": "upload_busy", "detail": "busy"})
        self.kept += request.content if not fault else request.content[: len(request.content) // 2]
        if fault:
            raise httpx.ReadError("cut")
        return httpx.Response(204, headers={"Upload-Offset": str(len(self.kept))})


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(resuming, "PIECE_BYTES", 1_000)
    path = tmp_path / "pets.zip"
    path.write_bytes(DATA)
    return path


def test_an_upload_goes_on_where_the_connection_broke(client_of: ClientOf, archive: Path) -> None:
    server = Server(["", "cut", "busy", "cut", "", "cut"])
    pauses: list[float] = []
    dataset = upload_in_pieces(client_of(server.respond), archive, {"name": "pets", "note": None}, pauses.append)
    assert dataset["name"] == "pets"
    assert server.kept == DATA
    assert server.n_sent <= len(DATA) + 4 * 1_000
    assert server.metadata == "name cGV0cw=="
    assert len(pauses) == 4


def test_a_lost_answer_to_the_last_piece_is_no_failure(client_of: ClientOf, archive: Path) -> None:
    server = Server([])

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(404)
        answer = server.respond(request)
        if server.kept == DATA and request.method == "PATCH":
            raise httpx.ReadError("cut")
        return answer

    assert upload_in_pieces(client_of(respond), archive, {"add_to": "pets"}, lambda _: None)["name"] == "pets"


def test_a_refusal_ends_it_and_so_does_a_server_that_stays_away(client_of: ClientOf, archive: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"Location": "/uploads/1"})
        return httpx.Response(422, json={"code": "archive_rejected", "detail": "no zip"})

    with pytest.raises(ServerRefused, match="no zip"):
        upload_in_pieces(client_of(refuse), archive, {"name": "pets"}, lambda _: None)

    def vanish(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"Location": "/uploads/1"})
        raise httpx.ConnectError("gone")

    pauses: list[float] = []
    with pytest.raises(ServerUnreachable):
        upload_in_pieces(client_of(vanish), archive, {"name": "pets"}, pauses.append)
    assert len(pauses) == resuming.MOST_FAILURES
