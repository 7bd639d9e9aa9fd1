"""Turns received archives into datasets: one converter process per upload, watched by a task of this process.

The converter only sees the archive and a directory; the store, its credentials and the status record are this side's.
Whatever ends a conversion early (a bad archive, a full disk, a deletion, the end of this process) leaves nothing
behind but, at most, the record that says why.
"""

import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from model_store import (
    ConversionFailure,
    ConversionStatus,
    DatasetFacts,
    DatasetStore,
    DatasetTaken,
    StoreFull,
    StoreUnavailable,
    UploadWithdrawn,
)
from model_store.dataset_records import INTERRUPTED
from service.datasets import scratch
from service.datasets.scratch import Scratch
from service.errors import ArchiveUnusable, ConversionDied, TooManyUploads
from worker.datasets.upload.messages import (
    REPORTS,
    Accepted,
    Advanced,
    ConversionOrder,
    Converted,
    Refused,
    Report,
)
from worker.datasets.upload.options import UploadLimits, UploadOptions
from worker.datasets.upload.packing import PREVIEW_FILE
from worker.datasets.uploaded import FILES

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 4
HEARTBEAT_S = 5.0
SILENCE_S = 60.0
"""A converter says something twice a second; one that is stuck in a single picture for so long is ended."""
LEFTOVERS_S = 3600.0
_LAST_WORDS_BYTES = 2000
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")


@dataclass
class _Conversion:
    """One upload under way: its name, its directory, the converter, and its status as it should be in the store."""

    name: str
    folder: Scratch
    process: asyncio.subprocess.Process
    status: ConversionStatus

    def advance(self, **changes: object) -> None:
        self.status = self.status.model_copy(update={**changes, "heartbeat_at": datetime.now(UTC)})


class Conversions:
    """All uploads that this process receives and converts."""

    def __init__(
        self, store: DatasetStore, scratch_dir: Path, limits: UploadLimits, silence_s: float = SILENCE_S
    ) -> None:
        self._store = store
        self._scratch_dir = scratch_dir
        self._limits = limits
        self._silence_s = silence_s
        self._slots = 0
        self._running: dict[asyncio.Task[None], asyncio.Task[None]] = {}
        """Of each conversion: the task that sees it through, named after its dataset, and the work to be ended."""
        self._sweeping: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to clear away what dead processes left; nobody waits for it."""
        self._sweeping = asyncio.create_task(self._sweep_once())

    async def reserve(self) -> Scratch:
        """A directory for one more upload; whoever gets it gives it to `start` or `release`.

        Raises:
            TooManyUploads: enough are under way.
        """
        if self._slots >= MOST_AT_ONCE:
            raise TooManyUploads(MOST_AT_ONCE)
        self._slots += 1
        try:
            return await asyncio.to_thread(self._new_folder)
        except BaseException:
            self._slots -= 1
            raise

    async def release(self, folder: Scratch) -> None:
        """Give a directory back, with all that is in it."""
        self._slots -= 1
        await asyncio.to_thread(folder.remove)

    async def start(self, folder: Scratch, options: UploadOptions) -> ConversionStatus:
        """Convert a received archive; returns once the converter has accepted it.

        Raises:
            ArchiveUnusable: it breaks a rule, or holds no class folders.
            DatasetTaken: the name was taken meanwhile.
            ConversionDied: the converter did not get so far.
        """
        process = await self._spawn(folder, options)
        try:
            first = await _next_report(process, self._silence_s)
            if isinstance(first, Refused):
                raise ArchiveUnusable(first.message)
            assert isinstance(first, Accepted)
            now = datetime.now(UTC)
            status = ConversionStatus(upload=folder.id, started_at=now, heartbeat_at=now, total=first.files)
            await asyncio.to_thread(self._store.begin, options.name, status)
        except BaseException:
            await _end(process)
            raise
        conversion = _Conversion(options.name, folder, process, status)
        work = asyncio.create_task(self._convert(conversion))
        runner = asyncio.create_task(self._run(conversion, work), name=options.name)
        self._running[runner] = work
        runner.add_done_callback(self._running.pop)
        logger.info("dataset %s: converting %d files", options.name, first.files)
        return status

    async def cancel(self, name: str) -> None:
        """End the conversion of this name, if it runs in this process."""
        await self._end_all([runner for runner in self._running if runner.get_name() == name])

    async def close(self) -> None:
        """End every conversion; what they were at can be uploaded again."""
        await self._end_all(list(self._running))
        if self._sweeping:
            await self._sweeping

    async def _end_all(self, runners: list[asyncio.Task[None]]) -> None:
        """End the work, and wait for what is to be done after it, which nothing may cut short."""
        for runner in runners:
            self._running[runner].cancel()
        await asyncio.gather(*runners, return_exceptions=True)

    async def _sweep_once(self) -> None:
        try:
            await asyncio.to_thread(self._sweep)
        except StoreUnavailable as error:
            logger.warning("what dead conversions left in the store stays until the next upload: %s", error)

    def _sweep(self) -> None:
        scratch.sweep(self._scratch_dir)
        self._store.sweep(LEFTOVERS_S)

    def _new_folder(self) -> Scratch:
        """Made after the leftovers of the dead are gone, so that they do not take the room."""
        self._sweep()
        return Scratch(self._scratch_dir)

    async def _spawn(self, folder: Scratch, options: UploadOptions) -> asyncio.subprocess.Process:
        folder.result.mkdir()
        order = ConversionOrder(
            archive=str(folder.archive.absolute()),
            folder=str(folder.result.absolute()),
            options=options,
            limits=self._limits,
        )
        # Hostile pictures are decoded there: no credentials, and one thread, so that memory can be bounded.
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker.datasets.upload.convert"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            limit=4 * 1024 * 1024,
        )
        assert process.stdin is not None
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        return process

    async def _run(self, conversion: _Conversion, work: asyncio.Task[None]) -> None:
        heartbeat = asyncio.create_task(self._beat(conversion))
        failure: ConversionFailure | None = INTERRUPTED
        try:
            await asyncio.wait({work, heartbeat}, return_when=asyncio.FIRST_COMPLETED)
            if heartbeat.done():
                heartbeat.result()
            await work
            failure = None
            logger.info("dataset %s: published", conversion.name)
        except UploadWithdrawn:
            failure = None
            logger.info("dataset %s: its upload was deleted", conversion.name)
        except Exception as error:  # the task's boundary: whatever went wrong is the upload's end, with its reason
            failure = _failure_of(error)
            level = logging.ERROR if failure.code == "internal" else logging.INFO
            logger.log(level, "dataset %s: %s", conversion.name, failure.message, exc_info=level == logging.ERROR)
        finally:
            await _stopped(work)
            await _stopped(heartbeat)
            await _end(conversion.process)
            self._slots -= 1
            await asyncio.to_thread(self._leave, conversion, failure)

    def _leave(self, conversion: _Conversion, failure: ConversionFailure | None) -> None:
        """Clear the directory and say how it ended."""
        conversion.folder.remove()
        if failure is None:
            return
        conversion.advance(state="failed", error=failure)
        with contextlib.suppress(UploadWithdrawn):
            try:
                self._store.report(conversion.name, conversion.status)
            except StoreUnavailable as error:
                logger.warning("the end of dataset %s's conversion cannot be recorded: %s", conversion.name, error)

    async def _convert(self, conversion: _Conversion) -> None:
        facts = await self._facts(conversion)
        conversion.advance(phase="storing", done=0, total=len(FILES) + 1)
        files = {file: conversion.folder.result / file for file in (*FILES, PREVIEW_FILE)}
        publishing = asyncio.create_task(
            asyncio.to_thread(self._store.publish, conversion.name, conversion.status.upload, facts, files)
        )
        try:
            await asyncio.shield(publishing)
        finally:
            await asyncio.wait({publishing})  # a thread cannot be cut short, and it still reads the files

    async def _facts(self, conversion: _Conversion) -> DatasetFacts:
        """What the converter found out, once it is done."""
        while True:
            report = await _next_report(conversion.process, self._silence_s)
            match report:
                case Advanced():
                    conversion.advance(phase=report.phase, done=report.done, total=report.total)
                case Refused():
                    raise ArchiveUnusable(report.message, report.code, report.hint)
                case Converted():
                    return report.facts

    async def _beat(self, conversion: _Conversion) -> None:
        """Keep the status in the store current. Raises `UploadWithdrawn`."""
        while True:
            await asyncio.sleep(HEARTBEAT_S if conversion.status.done else 0.5)
            conversion.advance()
            try:
                await asyncio.to_thread(self._store.report, conversion.name, conversion.status)
            except StoreUnavailable as error:
                logger.warning("the status of dataset %s cannot be written: %s", conversion.name, error)


async def _next_report(process: asyncio.subprocess.Process, silence_s: float) -> Report:
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), silence_s)
    except TimeoutError as error:
        raise ConversionDied("it was stuck in one file") from error
    if line:
        return REPORTS.validate_json(line)
    complaint = (await process.stderr.read())[-_LAST_WORDS_BYTES:].decode(errors="replace").strip()
    logger.warning("a converter ended with %s: %s", await process.wait(), complaint or "nothing said")
    raise ConversionDied("its process ended")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


async def _stopped(task: asyncio.Task[None]) -> None:
    """End a task whose outcome no longer matters."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def _failure_of(error: Exception) -> ConversionFailure:
    match error:
        case ArchiveUnusable():
            return ConversionFailure(code=error.code, message=str(error), hint=error.hint)
        case ConversionDied():
            return ConversionFailure(
                code="converter_died", message=str(error), hint="The API's log says more; then upload again."
            )
        case DatasetTaken():
            return ConversionFailure(code="dataset_exists", message=str(error))
        case StoreFull():
            return ConversionFailure(
                code="disk_full",
                message="There is too little room in the model store.",
                hint="Delete what is not needed any more; then upload the archive again.",
            )
        case StoreUnavailable():
            return ConversionFailure(
                code="store_unavailable",
                message="The dataset could not be written to the model store.",
                hint="GET /readyz says more; then upload the archive again.",
            )
    return ConversionFailure(
        code="internal",
        message=f"The conversion stopped on an unforeseen {type(error).__name__}.",
        hint="The API's log holds the details.",
    )
