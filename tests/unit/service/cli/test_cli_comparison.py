import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli.client import Client
from service.cli.comparison import grid_of, run_compare, submit_grid
from service.cli.errors import CommandFailed

ClientOf = Callable[[Callable[[httpx.Request], httpx.Response]], Client]
SETTING = {
    "label": "relu",
    "jobs": ["a", "b"],
    "seeds": [1, 2],
    "parameters": 61610,
    "metrics": {"test_accuracy": {"n": 2, "mean": 0.85, "deviation": 0.01, "lowest": 0.84, "highest": 0.86}},
}
COMPARED = {"settings": [SETTING], "verdict": {"text": "relu it is."}, "next_commands": ["curl [more]"]}


def test_a_grid_in_words_becomes_values() -> None:
    assert grid_of(["overrides.activation=tanh,relu", "seed=1,2", "deterministic=true"]) == {
        "overrides.activation": ["tanh", "relu"],
        "seed": [1, 2],
        "deterministic": [True],
    }
    for word in ("seed", "=1", "seed="):
        with pytest.raises(CommandFailed, match="such as seed=1,2,3"):
            grid_of([word])


def test_a_submitted_grid_shows_its_jobs(client_of: ClientOf, capsys: pytest.CaptureFixture[str]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert json.loads(request.content)["grid"] == {"seed": [1, 2]}
        jobs = [{"id": f"job{seed}", "varied": {"seed": seed}} for seed in (1, 2)]
        return httpx.Response(202, json={"id": "g1", "jobs": jobs})

    submit_grid(client_of(respond), {"architecture": "cnn", "grid": {"seed": [1, 2]}})
    said = capsys.readouterr().out
    assert "Group g1: 2 jobs" in said
    assert "job2  seed 2" in said
    assert "convserve compare --group g1" in said


def test_a_comparison_is_a_table_and_a_verdict(
    client_of: ClientOf, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.params["jobs"] == "a,b"
        if request.url.path == "/compare.svg":
            return httpx.Response(200, content=b"<svg/>")
        return httpx.Response(200, json=COMPARED)

    run_compare(client_of(respond), ["a", "b"], None, tmp_path / "c.svg", as_json=False)
    said = capsys.readouterr().out
    assert "0.8500 ± 0.0100" in said
    assert "2 of 2" in said
    assert said.endswith("relu it is.\ncurl [more]\n")
    assert (tmp_path / "c.svg").read_bytes() == b"<svg/>"
    run_compare(client_of(respond), ["a", "b"], None, None, as_json=True)
    assert json.loads(capsys.readouterr().out) == COMPARED
    with pytest.raises(CommandFailed, match="cannot write"):
        run_compare(client_of(respond), ["a", "b"], None, tmp_path / "missing" / "c.svg", as_json=False)
