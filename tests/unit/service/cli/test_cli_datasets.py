"""`convserve datasets` against servers that exist only in memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.cli import dataset_list
from service.cli.client import Client, ServerRefused
from service.cli.errors import CommandFailed
from service.cli.follow import RETRY_S
from service.cli.follow_conversion import POLL_S
from service.cli.server import connect
from tests.unit.service.cli.conftest import Respond

ClientOf = Callable[[Respond], Client]
READY: dict[str, Any] = {
    "name": "pets",
    "title": "",
    "state": "ready",
    "image_shape": [64, 48, 3],
    "classes": [{"label": "cat [big]", "train": 80, "test": 20}, {"label": "dog", "train": 8, "test": 2}],
    "train": 88,
    "test": 22,
    "licence": "CC0",
    "progress": None,
    "error": None,
    "report": {
        "skipped": {"not_a_picture": 3},
        "duplicates": {"train": 0, "test": 0, "across_splits": 2, "across_classes": 0, "examples": []},
        "small_classes": ["dog"],
        "missing_in_train": [],
        "missing_in_test": [],
        "dropped_classes": [],
    },
}
CONVERTING = READY | {"state": "converting", "progress": {"phase": "decoding", "done": 1, "total": 9}, "report": None}
FAILED = CONVERTING | {
    "state": "failed",
    "error": {"code": "disk_full", "message": "There is too little free space.", "hint": "Free."},
}


def test_the_list_has_a_line_per_dataset(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"datasets": [READY]}
    dataset_list.list_datasets(client_of(lambda _: httpx.Response(200, json=answer)), as_json=False)
    shown = capsys.readouterr().out
    assert "pets" in shown
    assert "64 x 48 colour" in shown
    dataset_list.list_datasets(client_of(lambda _: httpx.Response(200, json=answer)), as_json=True)
    assert json.loads(capsys.readouterr().out) == answer


def test_an_upload_streams_the_file_and_shows_what_was_noticed(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses: list[float] = []
    archive = tmp_path / "pets.zip"
    archive.write_bytes(b"PK" * 1_000_000)
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            request.read()
            seen.append(request)
            return httpx.Response(202, json=CONVERTING)
        return httpx.Response(200, json=READY)

    dataset_list.upload_dataset(client_of(respond), archive, {"name": "pets", "seed": 3, "colour": None}, pauses.append)
    assert pauses == [POLL_S]
    assert seen[0].content == archive.read_bytes()
    assert dict(seen[0].url.params) == {"name": "pets", "seed": "3"}
    assert seen[0].headers["content-type"] == "application/zip"
    assert seen[0].headers["content-length"] == "2000000"
    shown = capsys.readouterr().out
    for remark in ("cat [big]", "3 files skipped: not a picture", "2 test pictures", "few training pictures: dog"):
        assert remark in shown


def test_a_conversion_is_followed_across_a_restart_of_the_server(client_of: ClientOf, tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    archive.write_bytes(b"PK")
    answers = iter([httpx.ConnectError("refused"), httpx.Response(503, json={"detail": "later"}), READY, READY])
    pauses: list[float] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json=CONVERTING)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    dataset_list.upload_dataset(client_of(respond), archive, {"name": "pets"}, pauses.append)
    assert pauses == [POLL_S, RETRY_S, POLL_S, RETRY_S, POLL_S]


def test_a_dataset_that_is_deleted_while_it_is_converted_ends_the_command(client_of: ClientOf, tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    archive.write_bytes(b"PK")

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(202, json=CONVERTING)
        return httpx.Response(404, json={"detail": "There is no dataset 'pets'."})

    with pytest.raises(ServerRefused, match="There is no dataset"):
        dataset_list.upload_dataset(client_of(respond), archive, {"name": "pets"}, sleep=lambda _: None)


def test_an_upload_that_fails_ends_with_its_reason(client_of: ClientOf, tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    archive.write_bytes(b"PK")

    def respond(request: httpx.Request) -> httpx.Response:
        request.read()
        return httpx.Response(202, json=FAILED)

    with pytest.raises(CommandFailed, match=r"There is too little free space.\n  Free."):
        dataset_list.upload_dataset(client_of(respond), archive, {"name": "pets"})
    with pytest.raises(CommandFailed, match="cannot read"):
        dataset_list.upload_dataset(client_of(respond), tmp_path / "none.zip", {"name": "pets"})


def test_an_upload_that_fails_shows_what_was_noticed(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "pets.zip"
    archive.write_bytes(b"PK")
    noticed = {
        "layout": "Class folders were found in the archive.",
        "warnings": ["8 names are in an old code page."],
        "validation": 5,
        "dropped_classes": ["dog [small]"],
    }
    failed = FAILED | {"report": READY["report"] | noticed}
    with pytest.raises(CommandFailed, match="too little free space"):
        dataset_list.upload_dataset(client_of(lambda _: httpx.Response(202, json=failed)), archive, {"name": "pets"})
    shown = capsys.readouterr().out
    for remark in (
        "Class folders were found in the archive.",
        "8 names are in an old code page.",
        "5 pictures are for validation",
        "3 files skipped: not a picture",
        "no usable pictures: dog [small]",
    ):
        assert remark in shown


def test_a_deletion_says_what_it_gained(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    dataset_list.delete_dataset(client_of(lambda _: httpx.Response(200, json={"freed_bytes": 1_500_000})), "pets")
    assert capsys.readouterr().out == "pets deleted, 1.5 MB freed\n"
    dataset_list.delete_dataset(client_of(lambda _: httpx.Response(200, json={"freed_bytes": 9})), "pets", as_json=True)
    assert capsys.readouterr().out == '{"freed_bytes": 9}\n'


def test_adding_pictures_waits_for_the_new_version_and_shows_it(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "more.zip"
    archive.write_bytes(b"PK")
    first = {"version": 1, "train": 88, "test": 22}
    second = {"version": 2, "train": 96, "test": 24}
    addition = {"version": 2, "state": "converting", "progress": {"phase": "decoding", "done": 1, "total": 9}}
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            return httpx.Response(202, json=READY | {"versions": [first], "addition": addition})
        return httpx.Response(200, json=READY | {"versions": [first, second], "addition": None})

    dataset_list.add_pictures(client_of(respond), "pets", archive, {}, sleep=lambda _: None)
    assert asked == ["POST /datasets/pets/pictures", "GET /datasets/pets", "GET /datasets/pets"]
    assert "1: 88 + 22, 2: 96 + 24" in capsys.readouterr().out


def test_pictures_that_are_not_added_end_with_the_reason(client_of: ClientOf, tmp_path: Path) -> None:
    archive = tmp_path / "more.zip"
    archive.write_bytes(b"PK")
    error = {"code": "nothing_new", "message": "All 9 pictures are in the dataset already.", "hint": None}
    failed = {"version": 2, "state": "failed", "progress": None, "error": error, "report": None}
    answer = READY | {"versions": [{"version": 1, "train": 88, "test": 22}], "addition": failed}
    with pytest.raises(CommandFailed, match="not added: All 9 pictures"):
        dataset_list.add_pictures(client_of(lambda _: httpx.Response(202, json=answer)), "pets", archive, {})


def test_a_list_in_a_pipe_has_one_line_for_each_dataset(
    client_of: ClientOf, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets = [READY | {"name": f"{'long-name-' * 12}{number}", "licence": "a licence " * 20} for number in range(3)]
    dataset_list.list_datasets(client_of(lambda _: httpx.Response(200, json={"datasets": datasets})), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [dataset["name"] for dataset in datasets]


def test_the_server_is_named_by_an_option_or_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSERVE_URL", "http://elsewhere:9")
    assert connect(None).url == "http://elsewhere:9"
    assert connect("http://here:1").url == "http://here:1"
