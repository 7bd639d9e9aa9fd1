"""`convserve feedback`: what it asks for, and what it shows."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.feedback_actions import collect, delete_feedback, list_feedback, send_feedback

ClientOf = Callable[[Callable[[httpx.Request], httpx.Response]], Client]
ITEM = {"id": "ab", "version": 3, "label": "cat", "answered": "dog", "right": False, "owner": "ada", "collected": None}


def test_pictures_are_sent_with_their_label(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[httpx.URL] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(201, json={"model": "pets", "version": 3, "feedback": [ITEM]})

    picture = tmp_path / "a.png"
    picture.write_bytes(b"picture")
    for named in ("pets", "pets/3", "pets@best"):
        send_feedback(client_of(respond), named, [picture], "cat", as_json=False)
    assert [url.path for url in asked] == [
        "/models/pets/feedback",
        "/models/pets/versions/3/feedback",
        "/models/pets/aliases/best/feedback",
    ]
    assert asked[0].params["label"] == "cat"
    assert "1 sent; pets/3 had the right label for 0" in capsys.readouterr().out
    with pytest.raises(CommandFailed, match="such as pets/3"):
        send_feedback(client_of(respond), "pets/x", [picture], "cat", as_json=False)


def test_feedback_is_listed_and_deleted(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    versions = [{"version": 3, "pictures": 4, "right": 1, "accuracy": 0.25}]
    client = client_of(lambda _: httpx.Response(200, json={"versions": versions, "feedback": [ITEM]}))
    list_feedback(client, "pets", as_json=False)
    assert "25.0%" in capsys.readouterr().out
    list_feedback(client, "pets", as_json=True)
    assert json.loads(capsys.readouterr().out)["versions"] == versions
    client = client_of(lambda request: httpx.Response(200, json={"deleted": len(request.url.params), "freed_bytes": 1}))
    delete_feedback(client, "pets", is_collected=True, as_json=False)
    assert "1 deleted" in capsys.readouterr().out


def test_a_collection_is_waited_for(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {
        "/models/pets/feedback/collect": {"dataset": "pets", "version": 2, "pictures": 3, "grown_from": "pets/1"},
        "/datasets/pets": {"name": "pets", "versions": [{"version": 2}], "addition": None},
    }
    collect(client_of(lambda request: httpx.Response(200, json=answers[request.url.path])), "pets", None, as_json=True)
    assert json.loads(capsys.readouterr().out)["name"] == "pets"
