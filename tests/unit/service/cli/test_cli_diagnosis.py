"""`convserve doctor` and `convserve report`, against a server that exists only in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli.client import Client
from service.cli.diagnosis import save_report, show_diagnosis, version_path
from service.cli.errors import CommandFailed

ClientOf = Callable[[Callable[[httpx.Request], httpx.Response]], Client]
FINDING = {
    "code": "chance_level",
    "severity": "error",
    "title": "It is no better than guessing.",
    "evidence": {},
    "advice": "Lower the [rate].",
    "try": {"curl": "curl -s localhost:8000/jobs --json '{}'"},
}


def test_a_version_is_named_in_three_ways() -> None:
    assert version_path("shirts/3") == "/models/shirts/versions/3"
    assert version_path("shirts@best") == "/models/shirts/aliases/best"
    assert version_path("shirts") == "/models/shirts/aliases/latest"
    with pytest.raises(CommandFailed, match="name/version"):
        version_path("a b")


def test_findings_are_shown_with_what_to_try(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/models/shirts/versions/3/doctor"
        return httpx.Response(200, json={"worst": "error", "passed_over": "chance_level", "findings": [FINDING]})

    show_diagnosis(client_of(respond), "shirts/3", as_json=False)
    said = capsys.readouterr().out
    assert "error chance_level: It is no better than guessing." in said
    assert "Lower the [rate]." in said
    assert "--json '{}'" in said
    assert "does not answer by default" in said


def test_a_sound_run_says_so_and_json_is_printed_as_it_came(
    client_of: ClientOf, capsys: pytest.CaptureFixture[str]
) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"worst": "none", "passed_over": None, "findings": []})

    show_diagnosis(client_of(respond), "shirts", as_json=False)
    assert "Nothing found." in capsys.readouterr().out
    show_diagnosis(client_of(respond), "shirts", as_json=True)
    assert '"worst": "none"' in capsys.readouterr().out


def test_a_report_is_saved(
    client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.path.endswith("/report.html")
        return httpx.Response(200, content=b"<!doctype html>")

    monkeypatch.chdir(tmp_path)
    save_report(client_of(respond), "shirts/3", None)
    assert (tmp_path / "shirts-v3-report.html").read_bytes() == b"<!doctype html>"
    save_report(client_of(respond), "shirts@best", tmp_path / "own.html")
    assert "own.html" in capsys.readouterr().out
    save_report(client_of(respond), "shirts", None, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"file": "shirts-report.html"}
    with pytest.raises(CommandFailed, match="cannot write"):
        save_report(client_of(respond), "shirts", tmp_path / "missing" / "own.html")
