"""Every `curl`, every `convserve` and every Python example of the README and the docs, run against a running stack."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image

from tests.archives import stripes, zipped
from tests.busy_machine import PATIENCE_S, wait_until
from tests.command_line import convserve
from tests.documentation import Block, blocks
from tests.paths import PROJECT
from tests.running import Stack, has_argument, submit, wait_for

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
RUN_HERE = ("curl ", "convserve ")
SHELL = re.compile(r"[|&;<>$`*~]")
"""What only a shell understands."""
MODEL = "mine"
BLOCKS = [block for block in blocks("sh", "python") if block.is_run]
PAGES = sorted(
    {block.page for block in BLOCKS if block.language == "python" or any(word in block.text for word in RUN_HERE)}
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the pictures that the pages speak of, and the command line on its own path."""
    directory = tmp_path_factory.mktemp("documentation")
    Image.effect_noise((60, 40), 80).save(directory / "shoe.png")
    Image.effect_noise((200, 300), 50).convert("RGB").save(directory / "shirt.jpg")
    (directory / "pets.zip").write_bytes(zipped(stripes(30, seed=1)))
    command = directory / "convserve"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m service.cli "$@"\n')
    command.chmod(0o700)
    return directory


@pytest.fixture(scope="module")
def group(api: httpx.Client) -> dict[str, Any]:
    """What the pages call GROUP, with one job, JOB, which published version 1 of the model `mine`."""
    group = submit(api, model=MODEL, epochs=1, train_samples=100, validation=0.2, grid={"seed": [1]})
    assert wait_for(api, group["jobs"][0]["id"])["state"] == "succeeded"
    return group


class Reader:
    """Somebody who types what a page says.

    Attributes:
        job: what `JOB` stands for: the last one that was submitted.
        group: what `GROUP` stands for, likewise.
    """

    def __init__(self, api: httpx.Client, stack: Stack, place: Path, group: dict[str, Any]) -> None:
        self.job: str = group["jobs"][0]["id"]
        self.group: str = group["id"]
        self._api = api
        self._up = stack.process.pid
        self._address = stack.url.removeprefix("http://")
        self._place = place
        self._environment = os.environ | {
            "PATH": f"{place}:{os.environ['PATH']}",
            "PYTHONPATH": f"{PROJECT}:{PROJECT / 'service' / 'client'}",
            "CONVSERVE_PORT": self._address.rpartition(":")[2],
        }

    def run(self, command: str, later: str) -> None:
        """Run one command as it stands there, and wait for what it began if `later` commands need it."""
        if command.startswith("convserve ") and not SHELL.search(command):
            self._run_here(self._here(command))
            return
        typed = ["bash", "-c", self._here(command).replace("curl ", "curl --fail-with-body -sS ", 1)]
        if "/jobs" in command and "--json" in command and "dry_run" not in command and command.startswith("curl"):
            with self._no_job_begins():
                is_needed = self._keep_or_cancel(json.loads(self._output(typed)), later)
            if is_needed:
                self._finish_soon()
            return
        said = self._output(typed)
        if "/datasets -F" in command:
            self._let_convert(json.loads(said)["name"])
        asks_at_once = "/predict" in command and "/predictions" not in command
        if command.startswith("curl") and asks_at_once and "tasks" not in command:
            assert json.loads(said)["predictions"][0]["top_k"][0]["label"]

    def _finish_soon(self) -> None:
        """Wait for the end of the job, whose first epoch is enough: the pages ask for up to ten."""
        wait_for(self._api, self.job, "running", "succeeded")
        wait_until(lambda: self._api.post(f"/jobs/{self.job}/finish").status_code == 200, PATIENCE_S)
        assert wait_for(self._api, self.job)["state"] == "succeeded"

    def _run_here(self, command: str) -> None:
        """Run a command of ours in this process."""
        with contextlib.chdir(self._place), pytest.MonkeyPatch.context() as patch:
            patch.setenv("CONVSERVE_PORT", self._environment["CONVSERVE_PORT"])
            answer = convserve(*shlex.split(command)[1:])
        assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"

    def run_program(self, program: str) -> None:
        """Run a Python example as it stands there."""
        self._output([sys.executable, "-c", self._here(program)])

    def _here(self, text: str) -> str:
        text = text.replace("localhost:8000", self._address)
        return text.replace("JOB", self.job).replace("GROUP", self.group)

    def _output(self, arguments: list[str]) -> str:
        answer = subprocess.run(
            arguments,
            cwd=self._place,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert answer.returncode == 0, f"{arguments[-1]}\n{answer.stdout}\n{answer.stderr}"
        return answer.stdout

    @contextlib.contextmanager
    def _no_job_begins(self) -> Iterator[None]:
        """Stop the worker for a moment: a job that is cancelled at once costs no trainer, which takes 8 s of CPU."""
        (worker,) = [child for child in psutil.Process(self._up).children() if has_argument(child, "worker")]
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()

    def _keep_or_cancel(self, submitted: dict[str, Any], later: str) -> bool:
        """Whether a job is spoken of later; any other is cancelled, and so is a group."""
        if "jobs" in submitted:
            assert sum(submitted["counts"].values()) == len(submitted["jobs"])
            self._cancel(f"/groups/{submitted['id']}")
            return False
        assert submitted["state"] in {"queued", "running"}
        self.job = submitted["id"]
        model = submitted["request"]["model"]
        is_needed = "JOB" in later.partition("/jobs --json")[0] or (model != MODEL and f"/models/{model}/" in later)
        if not is_needed:
            self._cancel(f"/jobs/{self.job}")
        return is_needed

    def _cancel(self, submitted: str) -> None:
        """Cancel a job or a group; on a machine under load, Redis may not be in time, which is answered with 503."""
        wait_until(lambda: self._api.post(f"{submitted}/cancel").status_code == 200, PATIENCE_S)

    def _let_convert(self, dataset: str) -> None:
        def state() -> object:
            return self._api.get(f"/datasets/{dataset}").json()["state"]

        wait_until(lambda: state() != "converting", 60, pause_s=0.2)
        assert state() == "ready"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_works(
    page: str, api: httpx.Client, stack: Stack, place: Path, group: dict[str, Any]
) -> None:
    reader = Reader(api, stack, place, group)
    written = [block for block in BLOCKS if block.page == page]
    for at, block in enumerate(written):
        _read(block, reader, later="\n".join(following.text for following in written[at + 1 :]))


def _read(block: Block, reader: Reader, later: str) -> None:
    if block.language == "python":
        reader.run_program(block.text)
        return
    commands = [command for command in block.commands if command.startswith(RUN_HERE)]
    for at, command in enumerate(commands):
        reader.run(command, "\n".join([*commands[at + 1 :], later]))


def test_the_pages_have_as_many_commands_as_they_had() -> None:
    """So that a change of the way they are read cannot lose them."""
    commands = [command for block in BLOCKS for command in block.commands if block.language == "sh"]
    assert len([command for command in commands if command.startswith(RUN_HERE)]) >= 60
    assert len({block.page for block in BLOCKS}) >= 8
