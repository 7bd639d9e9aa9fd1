"""The environment of processes that read files of strangers: without credentials, and able to import this program."""

import os
from collections.abc import Mapping
from pathlib import Path

_PROGRAM = Path(__file__).parents[1]
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
_FIXED_VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def reader_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The few variables of this process that such a process keeps, and those that it always gets.

    Args:
        more: variables that this kind of process always gets, too.
    """
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # Where this program is: the process runs in another directory.
    places = [str(_PROGRAM), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | _FIXED_VARIABLES | dict(more or {}) | {"PYTHONPATH": os.pathsep.join(places)}
