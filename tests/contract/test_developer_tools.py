"""What a developer's tools are told: the hooks before a commit, and what `make check` and CI run."""

import re

import yaml

from tests.paths import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text()


def test_every_hook_is_local_and_downloads_nothing() -> None:
    configuration = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in configuration["repos"]] == ["local"]
    for hook in configuration["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")


def test_every_hook_is_a_part_of_the_gate() -> None:
    (repository,) = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]:
        program = hook["entry"].removeprefix(".venv/bin/").removesuffix(" --check")
        assert f"$(BIN)/{program}" in MAKEFILE


def test_the_quick_gate_names_tests_that_exist() -> None:
    listed = re.search(r"^CHECKED := ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)
    assert listed is not None
    contracts = re.findall(r"(\w+\.py)", listed[1])
    assert len(contracts) >= 5
    for contract in contracts:
        assert (PROJECT / "tests" / "contract" / f"test_{contract}").exists()


def test_continuous_integration_runs_the_whole_gate() -> None:
    assert re.search(r"^make test$", (PROJECT / ".ci" / "run").read_text(), re.MULTILINE)
