"""The states of a job and the legal moves between them. Nothing else decides which state may follow which.

The scripts that move jobs get both tables of this module from here, see `worker.job_store.scripts`.
"""

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Mark(StrEnum):
    """A field of a job's record whose presence changes where a move leads."""

    DRAFT = "draft"
    CANCEL_REQUESTED = "cancel_requested"


@dataclass(frozen=True)
class Redirection:
    """A job with this mark that is moved to `target` enters `instead`."""

    target: JobState
    mark: Mark
    instead: JobState


LEGAL_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    # Back to queued: its worker stopped or was lost before the job could end.
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED},
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

REDIRECTIONS: tuple[Redirection, ...] = (
    # Its version may have been published: the next claim finds out before the job may fail.
    Redirection(JobState.FAILED, Mark.DRAFT, instead=JobState.QUEUED),
    # A job that is to be cancelled never waits for a worker again.
    Redirection(JobState.QUEUED, Mark.CANCEL_REQUESTED, instead=JobState.CANCELLED),
)
"""Applied one after the other: a failing job with both marks is cancelled."""

FINISHED: frozenset[JobState] = frozenset(state for state, moves in LEGAL_MOVES.items() if not moves)
