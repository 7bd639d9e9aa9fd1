"""The command line itself: what it offers, and what it refuses before anything is started."""

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from service.cli import main
from service.cli.commands import app

SUBCOMMANDS = ("up", "api", "worker", "demo", "train", "predict", "jobs", "models")


def test_help_names_every_subcommand_and_shows_examples() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(f"│ {name} " in shown for name in SUBCOMMANDS)
    assert "convserve train cnn cifar10" in shown


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert "--fd" not in shown.output


def test_the_version_is_the_packages() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.exit_code == 0
    assert shown.output.startswith("convserve 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jobs", "--cancel"], "expected the ID of a job to cancel"),
        (["predict"], "Missing argument"),
        (["train", "cnn"], "Missing argument"),
        (["fly"], "No such command"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_its_usage(arguments: list[str], message: str) -> None:
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 2
    assert message in shown.output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["api", "--port", "70000"], "--port: input should be less than or equal to 65535, got 70000"),
        (["predict", "x.png", "--version", "3"], "--version and --alias need a model; name it with --model"),
        (["jobs", "--url", "nonsense"], "--url must begin with http:// or https://, got 'nonsense'"),
    ],
)
def test_a_failure_is_one_line_and_exit_code_1(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 1
    assert capsys.readouterr().err == f"convserve: {line}\n"


@pytest.mark.parametrize("command", ["up", "api"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_no_other_machine_is_served_without_a_key(
    command: str, host: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVSERVE_DATA_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as ending:
        main([command, "--host", host, "--port", "0"])
    assert ending.value.code == 1
    complaint = capsys.readouterr().err
    assert f"everyone who can reach {host}" in complaint
    assert "export CONVSERVE_ADMIN_KEY=" in complaint


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONVSERVE_PORT", "eighty")
    with pytest.raises(SystemExit):
        main(["api"])
    assert capsys.readouterr().err.startswith("convserve: CONVSERVE_PORT: input should be a valid integer")


WITHOUT_ANSWER = {"up", "api", "worker", "backup", "demo", "restore"}
"""Commands that run a server."""


def test_every_command_that_asks_a_server_prints_json_when_asked() -> None:
    found: dict[str, set[str]] = {}

    def walk(command: Any, name: str) -> None:  # noqa: ANN401 - click's commands, of either kind
        if hasattr(command, "commands"):
            for below, each in command.commands.items():
                walk(each, f"{name} {below}".strip())
        else:
            found[name] = {option for parameter in command.params for option in parameter.opts}

    walk(get_command(app), "")
    assert {name for name, options in found.items() if "--json" not in options} == WITHOUT_ANSWER
