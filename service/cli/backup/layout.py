"""How the archive of a backup is laid out, and what can be wrong with one."""

from collections.abc import Iterator
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from model_store import InvalidName
from model_store.whole import check_path
from service import __version__
from service.cli.errors import CommandFailed

HEADER = "convserve-backup.json"
INDEX = "index.jsonl"
STORE, PROJECTS, JOBS = "store/", "label-studio/", "jobs/"
"""What the names of members begin with: objects of the store, files of Label Studio's projects, records of jobs."""
FORMAT = 1


class Header(BaseModel, defer_build=True):
    """The first member."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    made_by: str = Field(default=__version__, description="Version of the program.")
    made_at: AwareDatetime


class IndexEntry(BaseModel, defer_build=True):
    """A line of the index: a member that belongs to the backup. Of two with one name the later one counts."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class IndexEnd(BaseModel, defer_build=True):
    """The last line of the index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    end: Literal[True] = True
    sha256: str = Field(description="Of all lines before.")
    jobs_at: float | None = Field(
        description="When the jobs were read, in seconds since the epoch; null: they were not."
    )


class BackupDamaged(CommandFailed):
    """A file is no backup, or is not what was written."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the backup cannot be used: {reason}", "Nothing was changed. Use another copy of the file.")


def read_header(data: bytes) -> Header:
    """The header of a backup.

    Raises:
        BackupDamaged: it is none.
        CommandFailed: a newer version of the program has written it.
    """
    try:
        header = Header.model_validate_json(data)
    except ValidationError as error:
        raise BackupDamaged("its header does not parse") from error
    if header.format > FORMAT:
        raise CommandFailed(
            f"the backup has format {header.format} and was made by convserve {header.made_by}; this is convserve "
            f"{__version__}, which reads formats up to {FORMAT}",
            f"Install convserve {header.made_by} or newer, and restore with that.",
        )
    return header


def named(lines: Iterator[bytes]) -> Iterator[IndexEntry]:
    """The entries of an index. Raises `BackupDamaged` for a line that is none, or whose name leads elsewhere."""
    for line in lines:
        try:
            entry = IndexEntry.model_validate_json(line)
            check_path(entry.name)
        except (ValidationError, InvalidName) as error:
            raise BackupDamaged("its index has a line that does not parse") from error
        yield entry
