"""What a worker may do with a job: claim it, report on it while the claim holds, and end it.

A claim carries a fence, a number that grows with every claim. A write under an older fence is refused, so a worker
that was given up for dead can do no harm.
"""

import json
import logging
from collections.abc import Sequence
from typing import cast

import redis

from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.scripts import Scripts
from worker.jobs.errors import ClaimLost
from worker.jobs.formats import RECORD_FORMAT, is_readable, too_new
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import Claim, History, JobFailure, Origin, Progress, PublishedModel
from worker.jobs.states import FINISHED, JobState

logger = logging.getLogger(__name__)

LEASE_S = 30.0  # a worker is heard of every second; a machine that swaps or a network that flaps must not lose a job
HALF_LIFE_S = 4 * 3600.0  # an afternoon's training is forgotten by the next morning
MAX_ATTEMPTS = 3
"""Attempts that count: see `ClaimedJobs.retry_elsewhere`."""
LOG_LINES_KEPT = 2000


class ClaimedJobs:
    """Jobs on one Redis server as workers see them.

    Every method raises `QueueUnavailable` when the server does not answer.

    Args:
        client: of the server.
        lease_s: how long a claim holds without a heartbeat.
        half_life_s: of the worker time that owners have used, by which they take turns.
    """

    def __init__(self, client: redis.Redis, lease_s: float = LEASE_S, half_life_s: float = HALF_LIFE_S) -> None:
        self._redis = client
        self._lease_s = lease_s
        self._half_life_s = half_life_s
        self._scripts = Scripts(client)
        self._finish_asked: int | None = None  # fence of the claim whose last heartbeat said so
        self._warned_of = set[str]()
        self._epochs_written = (0, 0)  # fence of a claim, and how many epochs of it the server knows

    def claim(self, job: str = "", claimant: str | None = None, devices: int = 1) -> Claim | None:
        """Take the queued job whose turn it is; None when no job waits.

        Args:
            job: id of a certain job, which is taken out of turn; None is returned when it cannot be taken.
            claimant: a unique name. A claimant that missed the answer asks again under the same name and gets the
                claim made before. Default: a new name.
            devices: of the claimant; jobs that need more are left to others.
        """
        answer = self._scripts.run(
            "claim", job, self._lease_s, claimant or keys.new_id(), self._half_life_s, RECORD_FORMAT, devices
        )
        if not answer:
            return None
        if not answer[0]:
            self._warn(*answer[1:])
            return None
        job, request, attempt, fence, request_id, traceparent, draft, ran_s, estimated_bytes, *labels = answer
        owner, tags, note, uncounted = labels
        return Claim(
            job=job,
            plan=TrainingPlan.model_validate_json(request),
            attempt=attempt,
            fence=fence,
            origin=Origin(request_id=request_id, traceparent=traceparent),
            draft=draft or None,
            ran_s=ran_s,
            estimated_bytes=estimated_bytes or None,
            owner=owner,
            tags=json.loads(tags),
            note=note or None,
            uncounted=uncounted,
        )

    def heartbeat(self, claim: Claim, progress: Progress, history: History, event: str = "") -> bool:
        """Renew the lease and write how far the job is.

        Args:
            claim: the right to write.
            progress: replaces what was there.
            history: of it, only the epochs are written that the server does not know yet.
            event: `progress` or `epoch` to tell those who follow the job how far it is, or nothing. They are told of
                each new epoch in any case.

        Returns:
            Whether cancellation of the job was requested.

        Raises:
            ClaimLost: the job is no longer this claim's.
        """
        fence, n_known = self._epochs_written
        n_known = n_known if fence == claim.fence else 0
        new = [history.epoch(number).model_dump_json() for number in range(n_known + 1, len(history.loss) + 1)]
        held, cancel, n_known, finish = self._scripts.run(
            "heartbeat",
            claim.job,
            claim.fence,
            self._lease_s,
            self._half_life_s,
            progress.model_dump_json(),
            int(bool(event)),
            history.best_epoch or "",
            n_known,
            *new,
        )
        if not held:
            raise ClaimLost(claim.job, claim.fence)
        self._epochs_written = (claim.fence, n_known)
        self._finish_asked = claim.fence if finish else None
        return bool(cancel)

    def is_finish_asked(self, claim: Claim) -> bool:
        """Whether the last heartbeat found that the training is to end now and to be published."""
        return self._finish_asked == claim.fence

    def begin_commit(self, claim: Claim, version: int) -> bool:
        """Ask for permission to publish a version; once it is granted, the job can no longer be cancelled."""
        return bool(self._scripts.run("begin_commit", claim.job, claim.fence, version))

    def end_commit(self, claim: Claim) -> bool:
        """Note that the version an earlier claim was about to publish never will be. False when the claim was lost."""
        return bool(self._scripts.run("end_commit", claim.job, claim.fence))

    def succeed(self, claim: Claim, model: PublishedModel) -> bool:
        """End a job well. False when the claim was lost."""
        return self._move(claim, JobState.SUCCEEDED, "model", model.model_dump_json())

    def fail(self, claim: Claim, failure: JobFailure) -> bool:
        """End a job with its reason. False when the claim was lost.

        A job that has permission to publish is queued instead: the next claim finds out whether its version exists.
        """
        return self._move(claim, JobState.FAILED, "error", failure.model_dump_json())

    def end_cancelled(self, claim: Claim) -> bool:
        """End a job whose cancellation was requested. False when the claim was lost."""
        return self._move(claim, JobState.CANCELLED)

    def give_back(self, claim: Claim) -> bool:
        """Queue a job again without charging the attempt, as when its worker stops. False when the claim was lost.

        Here and in `retry`, a job whose cancellation was requested is cancelled instead.
        """
        return self._move(claim, JobState.QUEUED, "attempt", str(claim.attempt - 1))

    def retry(self, claim: Claim, failure: JobFailure) -> bool:
        """End an attempt that the job did not make fail: queue the job again, or fail it after the last attempt.

        Returns:
            False when the claim was lost.
        """
        if claim.counted_attempts < MAX_ATTEMPTS:
            return self._move(claim, JobState.QUEUED)
        return self.fail(claim, failure)

    def retry_elsewhere(self, claim: Claim, failure: JobFailure) -> bool:
        """End an attempt whose worker was lost: as `retry` does, but an attempt that came further does not count.

        So machines may be taken away as often as a training has epochs; a training that makes no progress still fails.

        Returns:
            False when the claim was lost.
        """
        uncounted = self._scripts.run("spare", claim.job, claim.fence)
        return self.retry(claim.model_copy(update={"uncounted": uncounted}), failure)

    def is_over(self, job: str) -> bool:
        """Whether a job has ended for good, or was forgotten since."""
        with server_errors():
            state = cast(str | None, self._redis.hget(keys.job_key(job), "state"))
        return state is None or JobState(state) in FINISHED

    def append_log(self, job: str, lines: Sequence[str]) -> None:
        """Add lines to the job's log."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.rpush(keys.log_key(job), *lines)
            pipeline.ltrim(keys.log_key(job), -LOG_LINES_KEPT, -1)
            pipeline.execute()

    def expired(self) -> list[Claim]:
        """Claims whose worker has not been heard of for a whole lease."""
        ids: list[str] = self._scripts.run("expired")
        with server_errors():
            names = ("request", "attempt", "fence", "format", "uncounted")
            rows = [(job, self._redis.hmget(keys.job_key(job), *names)) for job in ids]
        return [
            Claim(
                job=job,
                plan=TrainingPlan.model_validate_json(request),
                attempt=attempt,
                fence=fence,
                uncounted=uncounted or 0,
            )
            for job, (request, attempt, fence, number, uncounted) in rows
            if request and fence and is_readable(number)  # a newer process looks after others
        ]

    def _warn(self, job: str, number: str, made_by: str) -> None:
        """Say once that a job waits for a newer worker."""
        if job not in self._warned_of:
            self._warned_of.add(job)
            logger.warning("a job waits for a newer worker: %s", too_new(job, int(number), made_by))

    def _move(self, claim: Claim, target: JobState, *fields: str) -> bool:
        """End the claim; `fields` are names and values that go with the target. False when the claim was lost."""
        return bool(self._scripts.run("move", claim.job, claim.fence, target, self._half_life_s, *fields))
