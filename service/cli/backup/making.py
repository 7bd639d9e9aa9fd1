"""`convserve backup`: copies everything into a file or a pipe, also while the service runs."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from model_store import StoreError
from model_store.free_space import has_space_for
from model_store.whole import counts
from service.cli.backup.copying import StoreCopy, copy_all, copy_jobs
from service.cli.backup.layout import JOBS, STORE, IndexEntry
from service.cli.backup.places import places
from service.cli.backup.progress import shown
from service.cli.backup.servers import server_with_jobs
from service.cli.backup.writing import ArchiveWriter, compressed
from service.cli.errors import CommandFailed
from worker.job_store.connection import connect
from worker.jobs.errors import QueueUnavailable
from worker.settings import SharedSettings

PIPE = "-"
UNCOMPRESSED = ".tar"
PARTIAL = ".partial"


def run_backup(settings: SharedSettings, target: str, *, with_jobs: bool, may_replace: bool) -> None:
    """Back up everything and say what it was.

    Args:
        settings: where everything is.
        target: the file to write, or `-` for standard output.
        with_jobs: the jobs, too.
        may_replace: in place of a file that is there.

    Raises:
        CommandFailed: something cannot be read or written. A file that was begun is removed.
    """
    if target == PIPE and sys.stdout.isatty():
        raise CommandFailed("a backup is not for the terminal", "Name a file, or send it into a pipe.")
    try:
        with ExitStack() as open_things:
            sources = places(settings, may_create=False)
            total_bytes = sum(source.size_bytes() for source in sources.values())
            stream = open_things.enter_context(_output(target, total_bytes, settings.min_free_bytes, may_replace))
            url = open_things.enter_context(server_with_jobs(settings)) if with_jobs else None
            written = open_things.enter_context(shown("backing up", total_bytes))
            archive = ArchiveWriter(stream, written)
            copies = [StoreCopy(source, folder, archive) for folder, source in sources.items()]
            jobs_at = copy_all(copies, lambda: None if url is None else copy_jobs(connect(url), archive))
            entries = archive.end(jobs_at)
    except (StoreError, QueueUnavailable) as error:
        raise CommandFailed(str(error), "Nothing was kept of this attempt.") from error
    where = "" if target == PIPE else f" in {target}"
    sys.stderr.write(f"backed up {summary(entries)}{'' if jobs_at else ', no jobs'}{where}\n")


def summary(entries: list[IndexEntry]) -> str:
    """What a backup has, in words."""
    number_of = counts(entry.name.removeprefix(STORE) for entry in entries if entry.name.startswith(STORE))
    size = sum(entry.size_bytes for entry in entries)
    jobs = sum(entry.size_bytes for entry in entries if entry.name.startswith(JOBS))
    kinds = ", ".join(f"{number_of[kind]} {kind}" for kind in ("versions", "datasets", "keys"))
    return f"{kinds}: {size / 1e6:,.1f} MB, of which {jobs / 1e6:,.1f} MB are records of jobs"


@contextmanager
def _output(target: str, total_bytes: int, min_free_bytes: int, may_replace: bool) -> Iterator[BinaryIO]:
    """Where the archive is written to: compressed unless it is a pipe, or its name ends in `.tar`."""
    if target == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    if path.exists() and not may_replace:
        raise CommandFailed(f"{path} is there already", "Choose another name, or add --replace.")
    directory = path.absolute().parent
    if not directory.is_dir():
        raise CommandFailed(f"there is no directory {directory}")
    if not has_space_for(directory, total_bytes, min_free_bytes):
        needed = (total_bytes + min_free_bytes) / 1e6
        raise CommandFailed(f"there is too little free space in {directory}: expected {needed:,.0f} MB")
    with _whole_file(path) as file:
        if path.suffix == UNCOMPRESSED:
            yield file
        else:
            with compressed(file) as packed:
                yield packed


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that has its name only once it is complete and on disk."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        with partial.open("wb") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
