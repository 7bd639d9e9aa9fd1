"""Turns received archives into datasets: one converter process per upload, watched by a task of this process.

A conversion that ends early (a bad archive, a full disk, a deletion, the end of this process) leaves nothing behind
except, at most, the record that says why.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from model_store import (
    ConversionFailure,
    ConversionStatus,
    DatasetFacts,
    DatasetManifest,
    DatasetStore,
    StoreUnavailable,
    UploadWithdrawn,
)
from model_store.dataset_records import INTERRUPTED
from service.datasets import scratch
from service.datasets.conversion import Conversion, counted_otherwise, stopped
from service.datasets.conversion_failures import failure_of
from service.datasets.converter import Converter
from service.datasets.growth import copy_base
from service.datasets.makers import LOCAL_MAKER, Maker
from service.datasets.scratch import Scratch
from service.errors import ArchiveUnusable, TooManyUploads
from worker.datasets.upload.messages import Advanced, ConversionOrder, Converted, Refused
from worker.datasets.upload.options import UploadLimits, UploadOptions
from worker.datasets.upload.packing import PREVIEW_FILE
from worker.datasets.uploaded import array_files

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 4
"""Conversions at once. An upload takes its slot once its body is complete, so that slow senders hold none."""
SLOT_WAIT_S = 30.0
"""How long a complete body waits for a slot; its client has sent gigabytes for it."""
HEARTBEAT_S = 5.0
SILENCE_S = 60.0
"""A converter reports twice a second; one that is stuck in a single picture for this long is ended."""
LEFTOVERS_S = 3600.0


class Conversions:
    """All uploads that this process receives and converts."""

    def __init__(
        self,
        store: DatasetStore,
        scratch_dir: Path,
        limits: UploadLimits,
        most_bodies: int,
        silence_s: float = SILENCE_S,
        slot_wait_s: float = SLOT_WAIT_S,
    ) -> None:
        self._store = store
        self._scratch_dir = scratch_dir
        self.limits = limits
        self._most_bodies = most_bodies
        self._silence_s = silence_s
        self._slot_wait_s = slot_wait_s
        self._receiving = 0
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._taken_over: set[str] = set()
        """Ids of the directories that belong to a conversion, no longer to the request that brought them."""
        self._running: dict[asyncio.Task[None], asyncio.Task[None]] = {}
        """Per conversion: the task that supervises it, named after its dataset, and the task that does the work."""
        self._sweeping: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to clear away, in the background, what dead processes left."""
        self._sweeping = asyncio.create_task(self._sweep_once())

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[Scratch]:
        """A directory for the body of one more upload, deleted at the end unless `start` has taken it over.

        Raises:
            TooManyUploads: as many bodies are under way as this process takes, or all slots are in use.
        """
        if self._receiving >= self._most_bodies:
            raise TooManyUploads(self._most_bodies)
        if self._slots.locked():
            raise TooManyUploads(MOST_AT_ONCE)  # refuse before gigabytes are sent
        self._receiving += 1
        try:
            folder = await asyncio.to_thread(self._new_folder)
            try:
                yield folder
            finally:
                if folder.id not in self._taken_over:
                    await asyncio.to_thread(folder.remove)
        finally:
            self._receiving -= 1

    async def start(
        self,
        folder: Scratch,
        options: UploadOptions,
        maker: Maker = LOCAL_MAKER,
        grown: DatasetManifest | None = None,
    ) -> ConversionStatus:
        """Convert a received archive; returns once the converter has accepted it.

        Args:
            folder: has the archive.
            options: how it becomes a dataset.
            maker: whose dataset it is.
            grown: the version that the pictures are added to, if it is no new dataset.

        Raises:
            TooManyUploads: no slot became free in time.
            ArchiveUnusable: it breaks a rule, or holds no class folders.
            DatasetTaken: the name was taken meanwhile.
            StorageExceeded: its owner may not store so many bytes.
            ConversionDied: the converter did not get that far.
        """
        try:
            async with asyncio.timeout(self._slot_wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise TooManyUploads(MOST_AT_ONCE) from None
        try:
            return await self._start(folder, options, maker, grown)
        except BaseException:
            self._slots.release()
            raise

    async def _start(
        self, folder: Scratch, options: UploadOptions, maker: Maker, grown: DatasetManifest | None
    ) -> ConversionStatus:
        folder.result.mkdir()
        base, version = folder.base, 1
        if grown is not None:
            free_bytes = self.limits.min_free_bytes
            base = await asyncio.to_thread(copy_base, self._store, grown, folder.path, free_bytes)
            version = await asyncio.to_thread(self._store.next_version, grown.name)
        order = ConversionOrder(
            archive=str(folder.archive.absolute()),
            folder=str(folder.result.absolute()),
            options=options,
            limits=self.limits,
            base=base,
        )
        converter = await Converter.started(order, self._silence_s)
        try:
            accepted = await converter.accepted()
            now = datetime.now(UTC)
            size_bytes = folder.archive.stat().st_size
            facts = {"upload": folder.id, "owner": maker.owner, "size_bytes": size_bytes, "version": version}
            status = ConversionStatus(**facts, started_at=now, heartbeat_at=now, total=accepted.files)
            await self._begin(options.name, status, maker)
        except BaseException:
            await converter.end()
            raise
        self._supervise(Conversion(options.name, folder, converter, status, maker.admit))
        logger.info("dataset %s: converting %d files", options.name, accepted.files)
        return status

    async def _begin(self, name: str, status: ConversionStatus, maker: Maker) -> None:
        """Announce the upload, then see whether its bytes are allowed: two uploads at once see each other."""
        await asyncio.to_thread(self._store.begin, name, status)
        try:
            await maker.admit(status.size_bytes, counted_otherwise(name, status))
        except BaseException:
            await asyncio.to_thread(self._store.withdraw, name, status)
            raise

    def _supervise(self, conversion: Conversion) -> None:
        self._taken_over.add(conversion.folder.id)
        work = asyncio.create_task(self._convert(conversion))
        runner = asyncio.create_task(self._run(conversion, work), name=conversion.name)
        self._running[runner] = work
        runner.add_done_callback(self._running.pop)

    async def cancel(self, name: str) -> None:
        """End the conversion of this name, if it runs in this process."""
        await self._end_all([runner for runner in self._running if runner.get_name() == name])

    async def close(self) -> None:
        """End every conversion. Their archives can be uploaded again."""
        await self._end_all(list(self._running))
        if self._sweeping:
            await self._sweeping

    async def _end_all(self, runners: list[asyncio.Task[None]]) -> None:
        """End the work, and wait for the clean-up after it, which must not be cut short."""
        for runner in runners:
            self._running[runner].cancel()
        await asyncio.gather(*runners, return_exceptions=True)

    async def _sweep_once(self) -> None:
        try:
            await asyncio.to_thread(self._sweep)
        except StoreUnavailable as error:
            logger.warning("leftovers of dead conversions stay in the store until the next upload: %s", error)

    def _sweep(self) -> None:
        scratch.sweep(self._scratch_dir)
        self._store.sweep(LEFTOVERS_S)

    def _new_folder(self) -> Scratch:
        """A new directory, made after the leftovers of dead processes are gone, since they take disk space."""
        self._sweep()
        return Scratch(self._scratch_dir)

    async def _run(self, conversion: Conversion, work: asyncio.Task[None]) -> None:
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
        except Exception as error:  # the task's boundary: any error ends the upload and becomes its reason
            failure = failure_of(error)
            level = logging.ERROR if failure.code == "internal" else logging.INFO
            logger.log(level, "dataset %s: %s", conversion.name, failure.message, exc_info=level == logging.ERROR)
        finally:
            await stopped(work)
            await stopped(heartbeat)
            await conversion.converter.end()
            self._slots.release()
            await asyncio.to_thread(self._clean_up, conversion, failure)
            self._taken_over.discard(conversion.folder.id)

    def _clean_up(self, conversion: Conversion, failure: ConversionFailure | None) -> None:
        """Delete the directory, and record the failure if there was one."""
        conversion.folder.remove()
        if failure is None:
            return
        conversion.advance(state="failed", error=failure)
        with contextlib.suppress(UploadWithdrawn):
            try:
                self._store.report(conversion.name, conversion.status)
            except StoreUnavailable as error:
                logger.warning("the end of dataset %s's conversion cannot be recorded: %s", conversion.name, error)

    async def _convert(self, conversion: Conversion) -> None:
        facts = await self._facts(conversion)
        files = {
            file: conversion.folder.result / file for file in (*array_files(facts.validation_per_class), PREVIEW_FILE)
        }
        size = sum(file.stat().st_size for file in files.values())
        conversion.advance(phase="storing", done=0, total=len(files), size_bytes=size)
        await asyncio.to_thread(self._store.report, conversion.name, conversion.status)
        await conversion.admit(size, counted_otherwise(conversion.name, conversion.status))
        publishing = asyncio.create_task(
            asyncio.to_thread(
                self._store.publish,
                conversion.name,
                conversion.status.upload,
                facts,
                files,
                conversion.status.owner,
                conversion.status.version,
            )
        )
        try:
            await asyncio.shield(publishing)
        finally:
            await asyncio.wait({publishing})  # a thread cannot be cancelled, and it still reads the files

    async def _facts(self, conversion: Conversion) -> DatasetFacts:
        """The facts about the dataset, once the converter is done."""
        while True:
            match await conversion.converter.next_message():
                case Advanced() as message:
                    conversion.advance(phase=message.phase, done=message.done, total=message.total)
                    conversion.note(message.report)
                case Refused() as message:
                    conversion.note(message.report)
                    raise ArchiveUnusable(message.message, message.code, message.hint)
                case Converted() as message:
                    conversion.advance(report=message.facts.report)
                    return message.facts

    async def _beat(self, conversion: Conversion) -> None:
        """Keep the status in the store current. Raises `UploadWithdrawn`."""
        while True:
            await asyncio.sleep(HEARTBEAT_S if conversion.status.done else 0.5)
            conversion.advance()
            try:
                await asyncio.to_thread(self._store.report, conversion.name, conversion.status)
            except StoreUnavailable as error:
                logger.warning("the status of dataset %s cannot be written: %s", conversion.name, error)
