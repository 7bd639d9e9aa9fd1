"""The states of a job and the legal moves between them. Nothing else decides what may follow what."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    # Back to queued: its worker stopped or was lost before the job could end.
    JobState.RUNNING: frozenset(
        {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED},
    ),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

FINISHED: frozenset[JobState] = frozenset(state for state, moves in MOVES.items() if not moves)


def origins(target: JobState) -> frozenset[JobState]:
    """States from which a job may move to `target`."""
    return frozenset(state for state, moves in MOVES.items() if target in moves)
