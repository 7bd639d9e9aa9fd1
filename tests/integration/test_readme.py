"""Every `curl` of the README, run as it stands there, against the running stack."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.archives import stripes, zipped
from tests.places import PROJECT
from tests.running import Stack, submit, wait_for

README = (PROJECT / "README.md").read_text()
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl_commands() -> list[str]:
    """The README's commands in order; one may go over several lines."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [command for block in blocks for command in re.split(r"\n(?=curl )", block.strip()) if "curl" in command]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the pictures that the README speaks of."""
    directory = tmp_path_factory.mktemp("readme")
    Image.effect_noise((60, 40), 80).save(directory / "shoe.png")
    Image.effect_noise((200, 300), 50).convert("RGB").save(directory / "shirt.jpg")
    (directory / "pets.zip").write_bytes(zipped(stripes(30, seed=1)))
    return directory


def test_every_curl_of_the_readme_works(api: httpx.Client, stack: Stack, pictures: Path) -> None:
    commands = curl_commands()
    assert len(commands) >= 15
    # The README's JOB, its model `mine`, version 1, and its GROUP.
    group = submit(api, model="mine", epochs=1, train_samples=100, grid={"seed": [1]})
    job = wait_for(api, group["jobs"][0]["id"])
    assert job["state"] == "succeeded"
    for command in commands:
        here = command.replace("localhost:8000", stack.url.removeprefix("http://"))
        here = here.replace("JOB", job["id"]).replace("GROUP", group["id"])
        answer = subprocess.run(
            ["bash", "-c", here.replace("curl ", "curl --fail-with-body -sS ", 1)],
            cwd=pictures,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
        if "/jobs --json" in command:
            _let_end(api, json.loads(answer.stdout))
        if "/datasets -F" in command:
            _let_convert(api, json.loads(answer.stdout)["name"])
        if "/predict" in command:
            assert json.loads(answer.stdout)["predictions"][0]["label"]


def _let_end(api: httpx.Client, submitted: dict[str, Any]) -> None:
    """Wait for a job; a group has many, and is cancelled."""
    if "jobs" in submitted:
        assert sum(submitted["counts"].values()) == len(submitted["jobs"])
        assert api.post(f"/groups/{submitted['id']}/cancel").status_code == 200
    else:
        assert submitted["state"] in {"queued", "running"}
        wait_for(api, submitted["id"])


def _let_convert(api: httpx.Client, dataset: str) -> None:
    deadline = time.monotonic() + 60
    while (state := api.get(f"/datasets/{dataset}").json()["state"]) == "converting":
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    assert state == "ready"


def test_the_readmes_make_targets_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for target in set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)$", README, re.MULTILINE)):
        assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target
