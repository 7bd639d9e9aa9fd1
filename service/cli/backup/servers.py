"""Finds the server that has the jobs: the one of the settings, that of a running `convserve up`, or a stopped one's.

The private server of a data directory runs only as long as its `convserve up`. If that is stopped, the server is
started here for as long as a backup or a restore takes, under the directory's lock, so that no other can start beside
it.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from service.cli.errors import CommandFailed
from service.cli.stack.child import Child
from service.cli.stack.data_directory import DataDirectory, runtime_directory_of
from service.cli.stack.lines import StatusLines
from service.cli.stack.valkey import (
    JOBS_DIRECTORY,
    SOCKET_NAME,
    make_runtime_directory,
    redis_url,
    valkey_spec,
    wait_until_it_answers,
)
from worker.settings import SharedSettings

ANSWER_LIMIT_S = 5.0


@contextmanager
def server_with_jobs(settings: SharedSettings) -> Iterator[str | None]:
    """The address of the server whose jobs are to be read; None if there are none.

    Raises:
        CommandFailed: the server does not answer.
    """
    if "redis_url" in settings.model_fields_set:
        yield answering(settings.redis_url)
        return
    running = runtime_directory_of(settings.data_dir)
    if running is not None:
        yield _private_of(running)
    elif (settings.data_dir / JOBS_DIRECTORY).is_dir():
        with DataDirectory(settings.data_dir) as data, private_server(data) as url:
            yield url
    else:
        yield None


@contextmanager
def private_server(data: DataDirectory) -> Iterator[str]:
    """Runs the private server of a data directory, which this process has locked."""
    runtime_dir = make_runtime_directory()
    data.note_runtime_directory(runtime_dir)
    spec = valkey_spec(data.path / JOBS_DIRECTORY, runtime_dir, data.lock)
    with ExitStack() as last:
        last.callback(shutil.rmtree, runtime_dir, ignore_errors=True)
        child = Child(spec, StatusLines(sys.stderr))
        last.callback(child.stop, lambda: False)
        child.start()
        url = redis_url(runtime_dir)
        wait_until_it_answers(url, lambda: _require_running(child))
        yield url


def answering(url: str) -> str:
    """The address, if a server answers there. Raises `CommandFailed`."""
    wait_until_it_answers(url, lambda: None, ANSWER_LIMIT_S)
    return url


def _private_of(runtime_dir: Path) -> str:
    if not (runtime_dir / SOCKET_NAME).exists():
        raise CommandFailed(
            "the convserve that runs here has no private server, so its jobs are in another one",
            "Set CONVSERVE_REDIS_URL as that convserve has it.",
        )
    return answering(redis_url(runtime_dir))


def _require_running(child: Child) -> None:
    if not child.is_running():
        raise CommandFailed(f"the private server {child.ending()}; see its log {child.spec.output}")
