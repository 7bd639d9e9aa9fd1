"""What can go wrong with jobs.

WorkerError
├── JobNotFound            no record under this id
├── GroupNotFound          no group under this id
├── GroupFull              a group would have more jobs than can be compared
├── JobNotFinished         only finished jobs can be deleted
├── NothingToFinish        a job without a finished epoch has nothing to publish
├── AllowanceExceeded      its owner would have too many jobs in the queue
├── IdempotencyConflict    the key was used before, with another request
├── QueueUnavailable       Redis does not answer
│   └── RecordTooNew       a newer version of the program wrote the job
├── ClaimLost              the job belongs to a later claim, or has ended
├── TrainingPaused         a training was saved and ended, to continue later
└── TrainingFailed         a training cannot continue, with its `JobFailure`

Errors carry facts, never HTTP statuses. Between processes a failure is data (`JobFailure`), never an exception.
"""

from collections.abc import Iterator

from worker.jobs.allowances import Allowance
from worker.jobs.records import JobFailure


class WorkerError(Exception):
    """Base class of all errors about jobs."""


class JobNotFound(WorkerError):
    """No record under this id."""

    def __init__(self, job: str, kind: str = "") -> None:
        super().__init__(f"there is no {kind}job {job!r}")
        self.job = job


class GroupNotFound(WorkerError):
    """No group under this id, or none of its jobs is left."""

    def __init__(self, group: str) -> None:
        super().__init__(f"there is no group {group!r}")
        self.group = group


class GroupFull(WorkerError):
    """A group would have more jobs than can be compared."""

    def __init__(self, group: str, known: int, new: int, most: int) -> None:
        super().__init__(
            f"group {group!r} would be too large; expected at most {most} jobs, got {known} and {new} more"
        )
        self.group = group


class JobNotFinished(WorkerError):
    """A job has not ended, and what is asked can be done only with one that has."""

    def __init__(self, job: str, state: str, advice: str) -> None:
        super().__init__(f"job {job} is {state}; {advice}")
        self.job = job
        self.state = state


class NothingToFinish(WorkerError):
    """A job of which no epoch has ended has nothing that could be published."""

    def __init__(self, job: str, state: str) -> None:
        super().__init__(
            f"job {job} is {state}, and no epoch of it has ended that could be published; wait, or cancel the job"
        )
        self.job = job
        self.state = state


class AllowanceExceeded(WorkerError):
    """Nothing was queued: with one more request, its owner would have more than the allowance.

    Attributes:
        what: is limited, for people.
        limit: that is exceeded.
        used: of this limit, before the request.
        each_s: seconds that a training takes.
    """

    def __init__(self, allowance: Allowance, n_more: int, jobs: int, waiting_s: float, each_s: float) -> None:
        is_jobs = allowance.jobs is not None and jobs + n_more > allowance.jobs
        self.what = "jobs that wait or run" if is_jobs else "seconds of waiting jobs"
        self.limit = (allowance.jobs if is_jobs else allowance.waiting_s) or 0.0
        self.used = jobs if is_jobs else waiting_s
        self.each_s = each_s
        super().__init__(f"expected at most {self.limit:g} {self.what}, got {n_more} more jobs beside {self.used:g}")


class IdempotencyConflict(WorkerError):
    """One idempotency key, two different requests."""

    def __init__(self, key: str, job: str) -> None:
        super().__init__(f"this Idempotency-Key was used for {job} with a different request body")
        self.key = key
        self.job = job


class QueueUnavailable(WorkerError):
    """Redis does not answer, or answers with an error."""

    def __init__(self, reason: str) -> None:
        super().__init__("the job queue is not reachable")
        self.reason = reason


class RecordTooNew(QueueUnavailable):
    """A record has a format that this version of the program does not know."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.args = (reason,)


class ClaimLost(WorkerError):
    """A write under a claim that is no longer the job's current one."""

    def __init__(self, job: str, fence: int) -> None:
        super().__init__(f"job {job} is no longer held under fence {fence}")
        self.job = job
        self.fence = fence


class TrainingPaused(WorkerError):
    """Raised inside a trainer that was told to stop, after it has saved its state."""


class TrainingFailed(WorkerError):
    """Raised inside a trainer to end its job with a reason."""

    def __init__(self, failure: JobFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its chain of causes, which Python keeps free of loops."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def store_full(message: str) -> JobFailure:
    """The failure of a job whose files do not fit into the free space of the model store."""
    return JobFailure(
        code="disk_full",
        message=message,
        hint="Free space, for example with DELETE /models/{name}/versions/{version}; then submit the job again.",
    )
