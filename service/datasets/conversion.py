"""What is known about one conversion under way."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from model_store import ConversionStatus
from service.datasets.converter import Converter
from service.datasets.makers import Admit
from service.datasets.scratch import Scratch
from worker.datasets.upload.report import DatasetReport


@dataclass
class Conversion:
    """One conversion under way, the status that the store should have, and what asks whether its bytes are allowed."""

    name: str
    folder: Scratch
    converter: Converter
    status: ConversionStatus
    admit: Admit

    def advance(self, **changes: object) -> None:
        """Change the status."""
        self.status = self.status.model_copy(update={**changes, "heartbeat_at": datetime.now(UTC)})

    def note(self, report: DatasetReport | None) -> None:
        """Keep what the converter noticed, which is all that is left of it if it fails."""
        if report is not None:
            self.advance(report=report.model_dump(mode="json"))


def counted_otherwise(name: str, status: ConversionStatus) -> str:
    """The dataset whose stored bytes are not counted beside those of an upload: that which the upload becomes."""
    return name if status.version == 1 else ""


async def stopped(task: asyncio.Task[None]) -> None:
    """End a task whose outcome no longer matters."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
