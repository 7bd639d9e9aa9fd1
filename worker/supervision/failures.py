"""Why jobs fail that their trainer cannot report itself: it died, it hung, or it never started."""

import signal

from model_store.errors import NO_SPACE
from worker.jobs.records import JobFailure, Phase

STORE_SILENT = JobFailure(
    code="store_unavailable",
    message="An earlier attempt was lost while publishing, and the model store does not say whether it published.",
    hint="GET /readyz and the worker's log say more; then submit the job again.",
)

NOT_PUBLISHED = JobFailure(
    code="worker_lost",
    message="The last attempt was lost while publishing, and no version was published.",
    hint="See the worker's log and the machine's memory; then submit the job again.",
)


def trainer_died(what_happened: str) -> JobFailure:
    """The failure of a job whose trainer ended before the job was done.

    Args:
        what_happened: a sentence without its subject, such as "was ended by SIGTERM".
    """
    return JobFailure(
        code="trainer_died",
        message=f"The training process {what_happened}.",
        hint="The worker's log holds the last lines it wrote.",
    )


def trainer_exited(status: int) -> JobFailure:
    """The failure for an exit status: an exit code, or minus the number of a signal."""
    if status >= 0:
        return trainer_died(f"ended with status {status} before the job was done")
    return trainer_died(f"was ended by {signal.Signals(-status).name}")


def trainer_not_started(error: OSError) -> JobFailure:
    """The failure of a job for which no trainer could be started."""
    return JobFailure(
        code="disk_full" if error.errno in NO_SPACE else "trainer_died",
        message=f"A training process could not be started: {error.strerror}.",
        hint="Free space where temporary files are kept (TMPDIR), or memory; then submit the job again.",
    )


def stalled(silence_s: float, phase: Phase) -> JobFailure:
    """The failure of a job whose trainer hangs."""
    return JobFailure(
        code="stalled",
        message=f"The training reported nothing for {silence_s:.0f} s while {phase}, and it did not compute either.",
        hint="A disk or a GPU that hangs is the usual cause: see the machine's log. "
        "If the training was only slow, raise CONVSERVE_STALL_TIMEOUT_S.",
    )
