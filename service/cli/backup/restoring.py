"""`convserve restore`: writes a backup into an empty place, after every byte of it was compared with its index."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, cast

import redis

from model_store import StoreError
from model_store.free_space import leaves_enough
from model_store.whole import WholeStore
from service.cli.backup.layout import JOBS, BackupDamaged, IndexEntry
from service.cli.backup.making import summary
from service.cli.backup.places import places
from service.cli.backup.progress import shown
from service.cli.backup.reading import IN_MEMORY_BYTES, Backup, verify
from service.cli.backup.servers import answering, private_server
from service.cli.errors import CommandFailed
from service.cli.stack.data_directory import DataDirectory
from worker.job_store import keys
from worker.job_store.connection import connect, server_errors
from worker.job_store.dumping import DumpedKey, has_jobs
from worker.job_store.loading import JobsLoader, forget_everything
from worker.jobs.errors import QueueUnavailable
from worker.settings import SharedSettings

QUIET_LIMIT_S = 20.0
"""A process that looks after jobs says so for 15 seconds after it has ended."""


def run_restore(settings: SharedSettings, path: Path, *, with_jobs: bool, may_replace: bool) -> None:
    """Verify a backup, write it, and say what it was.

    Args:
        settings: where everything goes.
        path: of the backup's file.
        with_jobs: the jobs, too.
        may_replace: remove what is there before.

    Raises:
        CommandFailed: the backup or its target cannot be used.
    """
    if not path.is_file():
        raise CommandFailed(
            f"there is no file {path}", "A backup in a pipe is put into a file first: it is read twice."
        )
    with shown("comparing with the index", path.stat().st_size) as read:
        backup = verify(path, read)
    try:
        with ExitStack() as open_things:
            data = open_things.enter_context(DataDirectory(settings.data_dir))
            targets = places(settings, may_create=True)
            client = open_things.enter_context(_jobs_of(settings, data, with_jobs and backup.jobs_at is not None))
            _make_room(backup, targets, client, settings.min_free_bytes, may_replace)
            n_jobs = _write(backup, targets, client, settings.fair_half_life_s)
    except (StoreError, QueueUnavailable) as error:
        raise CommandFailed(str(error), "The restore is not complete. Run it again with --replace.") from error
    sys.stderr.write(f"restored {summary(list(backup.entries.values()))}; {n_jobs} jobs are in Redis\n")


@contextmanager
def _jobs_of(settings: SharedSettings, data: DataDirectory, are_wanted: bool) -> Iterator[redis.Redis | None]:
    """The server that gets the jobs; None if it gets none."""
    if not are_wanted:
        yield None
    elif "redis_url" in settings.model_fields_set:
        with connect(answering(settings.redis_url)) as client:
            _wait_until_quiet(client)
            yield client
    else:
        with private_server(data) as url, connect(url) as client:
            yield client


def _wait_until_quiet(client: redis.Redis) -> None:
    deadline = time.monotonic() + QUIET_LIMIT_S
    while _is_in_use(client):
        if time.monotonic() > deadline:
            raise CommandFailed(
                "an API or a worker uses the Redis server of CONVSERVE_REDIS_URL", "Stop all of them first."
            )
        time.sleep(0.5)


def _is_in_use(client: redis.Redis) -> bool:
    with server_errors():
        return bool(client.exists(keys.WATCH))


def _make_room(
    backup: Backup, targets: dict[str, WholeStore], client: redis.Redis | None, min_free_bytes: int, may_replace: bool
) -> None:
    """Refuse a place that has something, or clear it; refuse one that is too small."""
    full = [target.objects.url for target in targets.values() if target.list() or target.is_incomplete()]
    if client is not None and has_jobs(client):
        full.append("the Redis server")
    if full and not may_replace:
        raise CommandFailed(
            f"{' and '.join(full)} is not empty, or an earlier restore into it did not end",
            "Choose another data directory, or add --replace, which removes everything that is there.",
        )
    for folder, target in targets.items():
        free_bytes, size_bytes = target.objects.free_bytes(), backup.size_bytes(folder)
        if free_bytes is not None and not leaves_enough(free_bytes + target.size_bytes(), size_bytes, min_free_bytes):
            needed = f"expected {(size_bytes + min_free_bytes) / 1e6:,.0f} MB, found {free_bytes / 1e6:,.0f} MB"
            raise CommandFailed(f"there is too little free space in {target.objects.url}: {needed}")
    for target in targets.values():
        target.clear()
    if client is not None:
        forget_everything(client)


def _write(backup: Backup, targets: dict[str, WholeStore], client: redis.Redis | None, half_life_s: float) -> int:
    """Write all objects, then the jobs, which name them."""
    for target in targets.values():
        target.begin_restore()
    with tempfile.TemporaryFile() as jobs:
        with shown("restoring", sum(entry.size_bytes for entry in backup.entries.values())) as written:
            for entry, content in backup.members():
                if entry.name.startswith(JOBS):
                    jobs.write(content.read())
                else:
                    _put(targets, entry, content)
                written(entry.size_bytes)
        jobs.seek(0)
        n_jobs = 0 if client is None else JobsLoader(client, backup.jobs_at or 0, half_life_s).load(_entries(jobs))
    for target in targets.values():
        target.end_restore()
    return n_jobs


def _put(targets: dict[str, WholeStore], entry: IndexEntry, content: IO[bytes]) -> None:
    folder, _, path = entry.name.partition("/")
    target = targets.get(f"{folder}/")
    if target is None:
        raise BackupDamaged(f"{entry.name} belongs nowhere")
    is_large = entry.size_bytes > IN_MEMORY_BYTES
    target.objects.put(path, Path(cast(str, content.name)) if is_large else content.read())


def _entries(lines: IO[bytes]) -> Iterator[DumpedKey]:
    return (DumpedKey.model_validate_json(line) for line in lines)
