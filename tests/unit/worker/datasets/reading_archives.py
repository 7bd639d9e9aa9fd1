"""Archives as they are understood, without decoding a picture."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.archives import RawEntry, picture
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.folders import Content, arrange
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_directory import read_directory

PNG = picture(1)


class Read(NamedTuple):
    """An archive as it was understood."""

    content: Content
    skipped: set[str]

    @property
    def counts(self) -> dict[str, int]:
        """Files of each class."""
        return dict(Counter(self.content.classes[member.label] for member in self.content.members))

    @property
    def splits(self) -> set[str | None]:
        return {member.split for member in self.content.members}


Reader = Callable[..., Read]


def tree(folders: Iterable[str], n: int = 4) -> dict[str, bytes]:
    return {f"{folder}/{number}.png": PNG for folder in folders for number in range(n)}


def raw(files: Mapping[str, bytes], encoding: str = "utf-8") -> list[RawEntry]:
    return [RawEntry(name.encode(encoding), data) for name, data in files.items()]


def refused(read: Reader, data: bytes, because: str, encoding: str | None = None) -> None:
    with pytest.raises(ArchiveRejected, match=because):
        read(data, encoding)


def reader(directory: Path) -> Reader:
    """Reads archives by way of files in a directory."""

    def understand(data: bytes, encoding: str | None = None) -> Read:
        path = directory / "archive.zip"
        path.write_bytes(data)
        log = SkippedLog()
        with path.open("rb") as file:
            content = arrange(file, read_directory(file, 100_000, 2**30, encoding), log, encoding)
        return Read(content, {line.file for line in log.listed})

    return understand
