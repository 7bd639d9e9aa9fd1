"""The commands that act on jobs and models, and tables that are safe in a pipe."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from service.cli.alias_actions import change_alias, show_aliases, weighted
from service.cli.client import Client
from service.cli.commands import app
from service.cli.comparison import run_compare, with_fields
from service.cli.errors import CommandFailed
from service.cli.job_actions import cancel_jobs, finish_jobs, follow_job, forget_jobs, print_log, submit_as_json
from service.cli.job_list import list_jobs
from service.cli.model_actions import delete_version, download_files
from service.cli.model_list import list_models
from worker.jobs.records import JobRecord

Respond = Callable[[httpx.Request], httpx.Response]
ClientOf = Callable[[Respond], Client]
MakeJob = Callable[..., JobRecord]


def test_ids_are_whole_in_a_pipe_however_narrow(
    client_of: ClientOf, make_job: MakeJob, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    job = make_job(id="a-long-id-that-nobody-may-cut").model_dump(mode="json")
    list_jobs(client_of(lambda _: httpx.Response(200, json={"jobs": [job], "total": 1})), None, as_json=False)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split()[:4] == [job["id"], "running", "lenet5-fashion", "fashion_mnist"]
    assert not set(line) & set("│┃")


def test_any_field_of_a_job_can_be_set() -> None:
    request = {"architecture": "cnn", "optimizer": "sgd"}
    found = with_fields(
        request, ["label_smoothing=0.1", "optimizer.momentum=0.5", "early_stopping.patience=3", "note=hi"]
    )
    assert found == {
        "architecture": "cnn",
        "optimizer": {"name": "sgd", "momentum": 0.5},
        "label_smoothing": 0.1,
        "early_stopping": {"patience": 3},
        "note": "hi",
    }
    assert request["optimizer"] == "sgd"
    with pytest.raises(CommandFailed, match="such as label_smoothing"):
        with_fields(request, ["label_smoothing"])


def test_a_finished_job_is_followed_in_json(
    client_of: ClientOf, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(state="cancelled").model_dump(mode="json")
    client = client_of(lambda _: httpx.Response(200, json=job))
    with pytest.raises(CommandFailed, match="cancelled"):
        follow_job(client, job["id"], as_json=True)
    assert json.loads(capsys.readouterr().out)["id"] == job["id"]
    with pytest.raises(CommandFailed, match="cancelled"):
        submit_as_json(client, {}, follow=True)
    assert json.loads(capsys.readouterr().out)["id"] == job["id"]
    submit_as_json(client, {}, follow=False)
    assert json.loads(capsys.readouterr().out)["state"] == "cancelled"


def test_jobs_are_cancelled_forgotten_and_their_log_is_printed(
    client_of: ClientOf, make_job: MakeJob, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.url.path.endswith("/log"):
            return httpx.Response(200, text="epoch 1 é\n")
        return httpx.Response(200, json=make_job(state="cancelled").model_dump(mode="json"))

    client = client_of(respond)
    cancel_jobs(client, ["a", "b"], as_json=True)
    finish_jobs(client, ["c"], as_json=False)
    forget_jobs(client, ["a"], as_json=True)
    print_log(client, "a")
    print_log(client, "a", as_json=True)
    assert asked == [
        "POST /jobs/a/cancel",
        "POST /jobs/b/cancel",
        "POST /jobs/c/finish",
        "DELETE /jobs/a",
        *["GET /jobs/a/log"] * 2,
    ]
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert [json.loads(line) for line in lines[3:4]] == [{"job": "a", "deleted": True}]
    assert lines[4] == "epoch 1 é"
    assert json.loads(lines[5]) == {"job": "a", "lines": ["epoch 1 é"]}


def test_files_of_a_version_are_downloaded(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/models/m/versions/3":
            return httpx.Response(200, json={"files": {"a.json": {}, "b.png": {}}})
        if request.url.path == "/models/m/versions/3/exports":
            return httpx.Response(200, json={"exports": [{"file": "model.tflite"}]})
        return httpx.Response(200, content=request.url.path.encode())

    download_files(client_of(respond), "m/3", (), tmp_path / "new", as_json=False)
    assert (tmp_path / "new" / "b.png").read_bytes() == b"/models/m/versions/3/files/b.png"
    assert (tmp_path / "new" / "README.md").read_bytes() == b"/models/m/versions/3/README.md"
    assert (tmp_path / "new" / "MLmodel").read_bytes() == b"/models/m/versions/3/MLmodel"
    assert (tmp_path / "new" / "model.tflite").read_bytes() == b"/models/m/versions/3/files/model.tflite"
    assert "a.json" in capsys.readouterr().out
    for named, files, out in (("m", (), tmp_path), ("m/x", (), tmp_path), ("m/3", (), Path("-"))):
        with pytest.raises(CommandFailed, match=r"expected|prints one file"):
            download_files(client_of(respond), named, files, out, as_json=False)
    (tmp_path / "new" / "a.json").unlink()
    (tmp_path / "new" / "a.json").mkdir()
    for out in (tmp_path / "new", tmp_path / "new" / "b.png"):
        with pytest.raises(CommandFailed, match="cannot write"):
            download_files(client_of(respond), "m/3", (), out, as_json=False)


def test_models_of_all_pages_are_listed(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        name = "dogs" if request.url.params.get("after") == "cats" else "cats"
        following = "/models?limit=1&after=cats" if name == "cats" else None
        model: dict[str, object] = {"name": name, "versions": [], "latest": None, "aliases": {}}
        return httpx.Response(200, json={"models": [model], "total": 2, "next": following})

    list_models(client_of(respond), as_json=True)
    answer = json.loads(capsys.readouterr().out)
    assert ([model["name"] for model in answer["models"]], answer["next"]) == (["cats", "dogs"], None)
    list_models(client_of(respond), as_json=False)
    assert "dogs" in capsys.readouterr().out


def test_an_older_server_has_no_exports(client_of: ClientOf, tmp_path: Path) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/models/m/versions/3":
            return httpx.Response(200, json={"files": {"a.json": {}}})
        known = request.url.path.endswith(("/a.json", "/README.md"))
        return httpx.Response(200 if known else 404, json={"detail": "no such route", "code": "route_not_found"})

    download_files(client_of(respond), "m/3", (), tmp_path, as_json=True)
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "README.md"}


def test_aliases_are_listed_moved_and_removed_and_versions_deleted(
    client_of: ClientOf, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path} {request.content.decode()}".strip())
        if request.url.path.endswith("/history"):
            return httpx.Response(
                200, json={"history": [{"at": "2026-01-01", "version": 1}, {"at": "b", "version": None}]}
            )
        if request.url.path.endswith("/aliases"):
            return httpx.Response(200, json={"aliases": {"prod": 3}})
        return httpx.Response(200, json={"freed_bytes": 2_000_000})

    client = client_of(respond)
    show_aliases(client, "m", None, as_json=False)
    show_aliases(client, "m", "prod", as_json=False)
    change_alias(client, "m", "prod", 2, as_json=False)
    change_alias(client, "m", "prod", None, as_json=True)
    delete_version(client, "m/3", as_json=False)
    delete_version(client, "m", as_json=True)
    said = capsys.readouterr().out
    assert "removed" in said
    assert "m@prod points at version 2." in said
    assert "m/3 is deleted, 2.0 MB freed." in said
    assert asked[2:] == [
        'PUT /models/m/aliases/prod {"version":2}',
        "DELETE /models/m/aliases/prod",
        "DELETE /models/m/versions/3",
        "DELETE /models/m",
    ]


def test_an_alias_gets_a_canary_and_a_shadow_and_shows_how_they_compare(
    client_of: ClientOf, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"canary": {"version": 4, "weight": 0.1}, "shadow": {"version": 5, "weight": 1.0}}
    counted = {"version": 4, "requests": 12, "errors": 0, "latency_p50_ms": 1.25}
    shadow = counted | {"agreement": 0.875, "feedback": {"right": 3, "pictures": 4}}
    figures = {"since": "2026-01-01", "scope": "all processes", "stable": counted, "canary": None, "shadow": shadow}
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.content.decode())
        if request.url.path.endswith("/history"):
            return httpx.Response(200, json={"history": [{"at": "2026-01-01", "version": 3, **parts}]})
        if request.url.path.endswith("/aliases"):
            return httpx.Response(200, json={"aliases": {"live": 3}, "splits": {"live": parts}})
        return httpx.Response(200, json={"figures": figures})

    client = client_of(respond)
    given = {"canary": weighted("4:0.1", "--canary"), "shadow": weighted("5", "--shadow", 1.0)}
    change_alias(client, "m", "live", 3, as_json=False, parts=given)
    assert json.loads(asked[0]) == {"version": 3} | parts
    assert "m@live points at version 3, canary 4:0.1, shadow 5:1." in capsys.readouterr().out
    show_aliases(client, "m", None, as_json=False)
    assert "4:0.1" in capsys.readouterr().out
    show_aliases(client, "m", "live", as_json=False)
    said = capsys.readouterr().out
    assert "87.5%" in said
    assert "3 of 4" in said
    show_aliases(client, "m", "live", as_json=True)
    assert json.loads(capsys.readouterr().out)["figures"] == figures


@pytest.mark.parametrize("arguments", [["3", "--canary", "4"], ["3", "--shadow", "4:x"], ["--canary", "4:0.1"]])
def test_a_canary_is_a_version_and_a_share(arguments: list[str]) -> None:
    shown = CliRunner().invoke(app, ["alias", "m", "live", *arguments])
    assert shown.exit_code == 2
    assert "expected" in shown.output


def test_groups_are_compared_together(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.params.get_list("group") == ["g1", "g2"]
        return httpx.Response(200, json={"settings": [], "verdict": {"text": "none"}, "next_commands": []})

    run_compare(client_of(respond), [], ["g1", "g2"], None, as_json=False)
    assert "none" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["follow", "log", "cancel", "finish", "forget", "download", "alias", "delete"])
def test_the_commands_are_there_with_help(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert "--url" in shown.output


def test_shells_can_complete() -> None:
    assert "--show-completion" in CliRunner().invoke(app, ["--help"]).output
