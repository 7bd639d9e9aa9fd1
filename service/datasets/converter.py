"""Runs one converter process: the order it gets, the messages it sends, and its end.

The converter only sees the archive and a directory. The store, its credentials and the status record stay on this
side. What the messages mean for a conversion is decided in `service.datasets.conversions`.
"""

import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import dataclass

from service.errors import ArchiveUnusable, ConversionDied
from worker.datasets.upload.messages import (
    CONVERTER_MESSAGES,
    Accepted,
    Advanced,
    ConversionOrder,
    ConverterMessage,
    Refused,
)

logger = logging.getLogger(__name__)

START_S = 60.0
"""Longest time until the first message: the process starts and reads the archive's directory."""
_STDERR_TAIL_BYTES = 2000
_LONGEST_MESSAGE_BYTES = 4 * 1024 * 1024
_KEPT_VARIABLES = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")


@dataclass(frozen=True)
class Converter:
    """A running converter process and this side's ends of its pipes."""

    process: asyncio.subprocess.Process
    reports: asyncio.StreamReader
    complaints: asyncio.StreamReader
    silence_s: float

    @classmethod
    async def started(cls, order: ConversionOrder, silence_s: float) -> "Converter":
        """Start a process and give it its order.

        Args:
            order: what to convert.
            silence_s: how long the process may say nothing, in seconds.
        """
        # Hostile pictures are decoded there: no credentials, and one thread, so that memory can be bounded.
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker.datasets.upload.convert"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            limit=_LONGEST_MESSAGE_BYTES,
        )
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise RuntimeError("asyncio opened no pipes although it was asked to")
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        return cls(process, process.stdout, process.stderr, silence_s)

    async def accepted(self) -> Accepted:
        """The first message that is not about progress: the archive keeps the rules.

        On a busy machine the process needs seconds to start.

        Raises:
            ArchiveUnusable: it breaks a rule, or holds no class folders.
            ConversionDied: the process did not get that far.
        """
        while True:
            match await self._message_within(max(self.silence_s, START_S)):
                case Advanced():
                    continue  # a tar archive is read to its end first
                case Accepted() as accepted:
                    return accepted
                case Refused() as refusal:
                    raise ArchiveUnusable(refusal.message, hint=refusal.hint)
                case other:
                    raise ConversionDied(f"its process began with a message of the kind {other.kind!r}")

    async def next_message(self) -> ConverterMessage:
        """The next message. Raises `ConversionDied` when the process ends, or says nothing for too long."""
        return await self._message_within(self.silence_s)

    async def _message_within(self, limit_s: float) -> ConverterMessage:
        try:
            # Not `wait_for`: in Python 3.11 it forgets a cancellation that comes together with a line.
            async with asyncio.timeout(limit_s):
                line = await self.reports.readline()
        except TimeoutError as error:
            raise ConversionDied("it was stuck in one file") from error
        if line:
            return CONVERTER_MESSAGES.validate_json(line)
        complaint = (await self.complaints.read())[-_STDERR_TAIL_BYTES:].decode(errors="replace").strip()
        logger.warning("a converter ended with %s: %s", await self.process.wait(), complaint or "no output")
        raise ConversionDied("its process ended")

    async def end(self) -> None:
        """Kill the process if it still runs, and wait until it is gone."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
