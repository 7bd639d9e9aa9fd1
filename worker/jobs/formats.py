"""The format of a job's record: a number that grows when older versions of the program cannot read what is written.

A process reads records of its own format and of all before. Of a newer one it says which version is needed, and leaves
the job to a process that can read it.
"""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from worker.jobs.errors import RecordTooNew

FIRST_FORMAT, DEVICES_FORMAT = 1, 2
RECORD_FORMAT = DEVICES_FORMAT
"""The newest format that this program reads."""
UNKNOWN = "unknown"


@cache
def program_version() -> str:
    """The version of this program; `unknown` if it runs from a source tree that is not installed."""
    try:
        return version("convserve")
    except PackageNotFoundError:
        return UNKNOWN


def written_by(devices: int) -> dict[str, str | int]:
    """Fields of a new record that say how it is written, and by which version.

    Args:
        devices: of the job. Earlier versions know one only; they must leave a job for more to others, and can run all
            other jobs.
    """
    return {"format": DEVICES_FORMAT if devices > 1 else FIRST_FORMAT, "made_by": program_version()}


def is_readable(number: str | bytes | None) -> bool:
    """Whether this process knows the format of a record, by its field `format`; a record without one has the first."""
    return int(number or 1) <= RECORD_FORMAT


def too_new(job: str, format_number: int, made_by: str) -> RecordTooNew:
    """The error for a record of a newer format."""
    return RecordTooNew(
        f"job {job} was written by convserve {made_by} in format {format_number}; this process is convserve "
        f"{program_version()} and reads formats up to {RECORD_FORMAT}: upgrade it to {made_by} or newer"
    )
