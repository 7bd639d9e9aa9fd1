"""Runs the Lua scripts of this folder, by the names of their files.

Each script begins with a header that says what it does, which arguments it takes, what it answers and which keys it
touches. `prelude.lua` holds what they share and the map of all keys; the legal moves come from `worker.jobs.states`.
"""

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import redis

from worker.job_store.connection import server_errors
from worker.job_store.keys import PREFIX
from worker.jobs.states import LEGAL_MOVES, REDIRECTIONS

PRELUDE = "prelude"


class Scripts:
    """All scripts on one server.

    Args:
        client: of the server.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._scripts = {name: client.register_script(source(name)) for name in script_names()}

    def run(self, name: str, *arguments: str | float) -> Any:  # noqa: ANN401 - each script has its own answer
        """Run one script and return its answer, as its header describes it.

        Raises:
            QueueUnavailable: the server does not answer.
        """
        with server_errors():
            return self._scripts[name](keys=[PREFIX], args=list(arguments))


@cache
def script_names() -> tuple[str, ...]:
    """Names of all scripts, sorted."""
    names = (file.name.removesuffix(".lua") for file in _folder().iterdir() if file.name.endswith(".lua"))
    return tuple(sorted(name for name in names if name != PRELUDE))


@cache
def text(name: str) -> str:
    """One file as it is written."""
    return (_folder() / f"{name}.lua").read_text(encoding="utf-8")


@cache
def source(name: str) -> str:
    """One script as the server gets it: the tables of moves, the prelude, the script."""
    return "\n".join([_tables(), text(PRELUDE), text(name)])


def _tables() -> str:
    moves = (
        f"{state} = {{{', '.join(f'{target} = true' for target in sorted(targets))}}}"
        for state, targets in LEGAL_MOVES.items()
    )
    redirections = (
        f"{{target = '{rule.target}', mark = '{rule.mark}', instead = '{rule.instead}'}}" for rule in REDIRECTIONS
    )
    return f"local LEGAL_MOVES = {{{', '.join(moves)}}}\nlocal REDIRECTIONS = {{{', '.join(redirections)}}}"


def _folder() -> Traversable:
    return resources.files("worker.job_store")
