"""README and docs: short, no dead links, and every command either runs in a test or names what exists."""

import importlib.util
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from service.cli.commands import app
from tests.documentation import PAGES, blocks, headings, links
from tests.paths import PROJECT

README_LINES = 150
COMPOSE = PROJECT / "docker-compose.yml"
RUN_BY_THE_INTEGRATION_TESTS = ("curl ", "convserve ")


def test_every_command_is_in_the_reference() -> None:
    page = (PROJECT / "docs" / "reference" / "command-line.md").read_text()
    commands: dict[str, object] = getattr(get_command(app), "commands")  # noqa: B009 - click's groups, behind Typer's
    assert len(commands) > 20
    assert [name for name in commands if f"`convserve {name}`" not in page] == []


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:service|worker|model_store|tests|benchmarks|deploy|requirements)/[\w/.*-]*)`", page.read_text()
    )
    built = {"service/static"}  # by `make page`
    assert [path for path in named if path not in built and not any(PROJECT.glob(path.rstrip("/")))] == []


def test_every_page_can_be_reached_from_the_index() -> None:
    index = PROJECT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    pages = {page for page in (PROJECT / "docs").rglob("*.md") if page.name != "README.md"}
    assert pages <= linked


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def check_make(words: list[str]) -> None:
    targets = [word for word in words if "=" not in word]
    assert set(targets) <= makefile_targets()


def check_compose(words: list[str]) -> None:
    assert words[0] == "compose"
    files = [words[at + 1] for at, word in enumerate(words) if word == "-f"]
    assert all((PROJECT / file).exists() for file in files)
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    profiles = {profile for service in services for profile in service.get("profiles", ())}
    assert {words[at + 1] for at, word in enumerate(words) if word == "--profile"} <= profiles


def check_command_line(words: list[str]) -> None:
    groups = {str(group.typer_instance.info.name) for group in app.registered_groups if group.typer_instance}
    command = words[:2] if words[0] in groups else words[:1]
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert all(word in shown.output for word in words if word.startswith("--"))


def check_python(words: list[str]) -> None:
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None
    files = [word for word in words if "/" in word]
    assert all((PROJECT / file).exists() for file in files)


def check_curl(words: list[str]) -> None:
    (address,) = (word for word in words if word.startswith("localhost:8000/"))
    path = address.removeprefix("localhost:8000").partition("?")[0]
    paths = json.loads((PROJECT / "openapi" / "openapi.json").read_text())["paths"]
    assert any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) for template in paths)


def check_pip(words: list[str]) -> None:
    with (PROJECT / "pyproject.toml").open("rb") as file:
        extras = set(tomllib.load(file)["project"]["optional-dependencies"])
    assert words[0] == "install"
    for word in words[1:]:
        named = re.search(r"\[(.+)\]", word)
        assert named is None or set(named.group(1).split(",")) <= extras


def check_uvx(words: list[str]) -> None:
    assert words[:1] == ["--from"]
    check_pip(["install", words[1]])
    assert words[2] == "convserve"
    check_command_line(words[3:])


def check_files(words: list[str]) -> None:
    assert (PROJECT / words[0]).exists()


def check_generator(words: list[str]) -> None:
    named = [word for word in words if word.startswith("openapi/")]
    assert named
    assert all((PROJECT / word).is_file() for word in named)


def check_setting(words: list[str]) -> None:
    named = words[0].partition("=")[0]
    assert f"`{named}`" in (PROJECT / "docs" / "reference" / "settings.md").read_text()


def check_nothing(words: list[str]) -> None:
    """A command of the system's own."""


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": check_make,
    "docker": check_compose,
    "convserve": check_command_line,
    "curl": check_curl,
    "python": check_python,
    ".venv/bin/python": check_python,
    "pip": check_pip,
    "uvx": check_uvx,
    "cp": check_files,
    "openapi-python-client": check_generator,
    "openapi-generator": check_generator,
    "npx": check_generator,
    "export": check_setting,
    "git": check_nothing,
    "cd": check_nothing,
    "pre-commit": check_nothing,
}


def other_commands() -> list[tuple[str, str]]:
    """Commands that no integration test runs, with their pages."""
    return [
        (block.page, command)
        for block in blocks("sh")
        for command in block.commands
        if not (block.is_run and command.startswith(RUN_BY_THE_INTEGRATION_TESTS))
    ]


@pytest.mark.parametrize(("page", "command"), other_commands())
def test_what_is_not_run_names_what_exists(page: str, command: str) -> None:
    words = [word for word in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    assert words[0] in CHECKS, f"{page}: no test knows the command {words[0]!r}"
    CHECKS[words[0]](shlex.split(command)[1:] if words[0] == "export" else words[1:])


def test_every_make_target_that_is_mentioned_exists() -> None:
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= makefile_targets(), page


def test_a_block_that_the_tests_do_not_run_says_why() -> None:
    unrun = [block for block in blocks("sh", "python", "bash") if "not run by the tests" in block.text]
    assert [block.page for block in unrun if block.is_run] == []
