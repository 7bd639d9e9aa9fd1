"""The `convserve` command in the test's own process; a process of its own takes 0.7 s of processor time to start."""

import contextlib
import io
import subprocess

import pytest

from service.cli import main


def convserve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command ends with, and what it says, as if it had been a process."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        patch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as ending:
            main(arguments)
    code = ending.value.code or 0
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(arguments, code, _written(out), _written(errors))


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
