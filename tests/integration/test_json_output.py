"""With `--json`, every command prints JSON and nothing else, and a pipe may be closed at any time."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from typer.main import get_command

from service.cli import main
from service.cli.commands import app
from tests.busy_machine import PATIENCE_S
from tests.running import Stack, submit, wait_for

TRAIN = ("--epochs", "1", "--set", "train_samples=100", "--model", "json-lines", "--validation", "test")
COMMANDS: dict[str, tuple[str, ...]] = {
    "train": ("lenet5-fashion", "fashion_mnist_sample", *TRAIN, "--no-follow"),
    "export": ("json-lines/1", "--format", "litert", "--no-follow"),
    "bulk": ("json-lines/1", "{folder}", "-o", "{folder}.csv"),
    "import": ("{folder}.keras", "--name", "json-imported", "--no-follow"),
    "compare": ("{job}", "{job}"),
    "predict": ("{picture}", "--model", "json-lines"),
    "jobs": (),
    "models": ("json-lines",),
    "follow": ("{job}",),
    "log": ("{job}",),
    "cancel": ("{job}",),
    "finish": ("{job}",),
    "download": ("json-lines/1", "history.json", "-o", "{out}"),
    "alias": ("json-lines", "chosen", "--remove"),
    "look": ("{picture}", "--model", "json-lines"),
    "explain": ("{picture}", "--model", "json-lines"),
    "doctor": ("json-lines/1",),
    "report": ("json-lines/1", "-o", "{out}/report.html"),
    "check": (),
    "datasets list": (),
    "datasets show": ("fashion_mnist_sample",),
    "datasets upload": ("{folder}", "--name", "json-shades"),
    "datasets add": ("json-shades", "{more}"),
    "datasets delete": ("json-shades",),
    "feedback send": ("json-lines", "{picture}", "--label", "Bag"),
    "feedback list": ("json-lines",),
    "feedback collect": ("json-lines", "--dataset", "json-collected"),
    "feedback delete": ("json-lines",),
    "keys create": ("ada", "--scope", "read", "--data-dir", "{out}"),
    "keys list": ("--data-dir", "{out}"),
    "keys revoke": ("ada", "--data-dir", "{out}"),
    "delete": ("json-lines/1",),
    "forget": ("{job}",),
}
"""Arguments of every command that has `--json`, in an order in which each finds what it needs."""


@dataclass(frozen=True)
class Made:
    """What the commands are told to use."""

    job: str
    folder: Path
    more: Path
    picture: Path
    out: Path


@pytest.fixture(scope="module")
def made(stack: Stack, api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder, more = (_shades(tmp_path_factory.mktemp("shades") / "shades", grey) for grey in (40, 60))
    out = tmp_path_factory.mktemp("out")
    job = submit(api, model="json-lines", epochs=1, train_samples=100)["id"]
    wait_for(api, job)
    api.put("/models/json-lines/aliases/chosen", json={"version": 1}).raise_for_status()
    folder.with_suffix(".keras").write_bytes(api.get("/models/json-lines/versions/1/files/model.keras").content)
    picture = next(folder.rglob("*.png"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSERVE_URL", stack.url)
        yield Made(job, folder, more, picture, out)


def _shades(folder: Path, step: int) -> Path:
    """Pictures of two classes, in which no two files are equal."""
    for label in ("dark", "light"):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            grey = step + number + (100 if label == "light" else 0)
            Image.new("L", (28, 28), grey).save(folder / label / f"{number}.png")
    return folder


def _cancel(api: httpx.Client, job: dict[str, Any]) -> None:
    """Save the time of a job of which only the submission was to be seen."""
    api.post(f"/jobs/{job['id']}/cancel").raise_for_status()


def _documents(text: str) -> list[Any]:
    """JSON documents that follow each other, with nothing but white space in between."""
    found = []
    while text := text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def test_the_table_has_every_command_that_prints_json() -> None:
    found: set[str] = set()

    def walk(command: Any, name: str) -> None:  # noqa: ANN401 - click's commands, of either kind
        for below, each in getattr(command, "commands", {}).items():
            walk(each, f"{name} {below}".strip())
        if "--json" in {option for parameter in command.params for option in parameter.opts}:
            found.add(name)

    walk(get_command(app), "")
    assert found == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_but_json_is_on_the_standard_output(
    command: str, made: Made, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [argument.format(**vars(made)) for argument in COMMANDS[command]]
    with pytest.raises(SystemExit) as ending:
        main([*command.split(), *arguments, "--json"])
    said = capsys.readouterr()
    assert (ending.value.code or 0) == 0, said.err
    documents = _documents(said.out)
    assert documents
    if "--no-follow" in arguments:
        _cancel(api, documents[0])


def test_pictures_of_ones_own_are_uploaded_without_a_word_on_the_standard_output(
    made: Made, api: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("--json", "--dry-run"):
        with pytest.raises(SystemExit) as ending:
            main(["train", "lenet5-fashion", f"{made.folder}/", "--validation", "test", "--no-follow", option])
        said = capsys.readouterr()
        assert (ending.value.code or 0) == 0, said.err
        (document,) = _documents(said.out)
        assert "12 files in" in said.err
        if option == "--json":
            _cancel(api, document)


@pytest.mark.parametrize("command", ["jobs", "models", "datasets list", "--help"])
def test_a_pipe_may_be_closed_early(command: str, made: Made) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "service.cli", *command.split()],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert made.job
    assert done.stderr == ""
