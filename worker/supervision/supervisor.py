"""Runs one claimed job to its end: hands it to a trainer, keeps its record current, and ends the trainer.

A failure that the job itself caused ends it, and so does going beyond a limit on time or memory. A trainer that hangs,
or is killed, costs an attempt: the job is queued again, and fails with the reason after the last attempt.
"""

import logging
import signal
import time
from collections.abc import Callable

from worker.job_store.store import JobStore
from worker.jobs.errors import ClaimLost
from worker.jobs.memory_errors import out_of_memory
from worker.jobs.records import Claim, JobFailure, PublishedModel
from worker.jobs.states import JobState
from worker.supervision import failures
from worker.supervision.group_memory import GroupMemory
from worker.supervision.job_trace import JobTrace
from worker.supervision.journal import Journal, insist
from worker.supervision.limits import NO_LIMITS, Limits, LimitWatch
from worker.supervision.memory_kills import memory_kills
from worker.supervision.messages import (
    CommitGranted,
    CommitRequested,
    Failed,
    Finish,
    LogLine,
    Order,
    Pause,
    Paused,
    ProgressMade,
    Published,
    Ready,
    Report,
)
from worker.supervision.trainer_process import TrainerProcess
from worker.supervision.watchdog import Watchdog, cpu_seconds_of
from worker.tensorboard.run_folders import NO_FOLDER, RunFolder

logger = logging.getLogger(__name__)
trainer_logger = logging.getLogger("worker.trainer")

TICK_S = 0.25


class Supervisor:
    """One claim, one trainer, one run.

    Args:
        job_store: where the job's record is kept.
        claim: the right to write there.
        trainer: has got no order yet.
        trace: told of every phase, and of the end.
        cancel_grace_s: how long a cancelled trainer may take to end by itself.
        stall_timeout_s: how long a training loop may be silent, see `Watchdog`.
        pause_grace_s: how long a training may take to save its state when the worker stops.
        on_training: called once when the training loop has begun: time to prepare the next trainer.
        limits: of the job; one that goes beyond them fails.
        run_folder: gets the figures of every epoch, for TensorBoard.
    """

    def __init__(
        self,
        job_store: JobStore,
        claim: Claim,
        trainer: TrainerProcess,
        trace: JobTrace,
        cancel_grace_s: float,
        stall_timeout_s: float,
        pause_grace_s: float,
        on_training: Callable[[], None],
        limits: Limits = NO_LIMITS,
        run_folder: RunFolder = NO_FOLDER,
    ) -> None:
        self._job_store = job_store
        self._claim = claim
        self._trainer = trainer
        self._trace = trace
        self._cancel_grace_s = cancel_grace_s
        self._pause_grace_s = pause_grace_s
        self._on_training = on_training
        self._run_folder = run_folder
        self._journal = Journal(job_store, claim, trace)
        self._watchdog = Watchdog(stall_timeout_s, lambda: cpu_seconds_of(trainer.pid))
        self._limits = LimitWatch(limits, claim, GroupMemory(trainer.pid).bytes)
        self._is_finish_sent = False
        self._memory_kills_before = memory_kills()

    def run(self, order: Order) -> None:
        """Send the order and stay until the job has ended, was cancelled, or is another claim's."""
        self._journal.say(
            f"attempt {self._claim.attempt}, trainer {self._trainer.pid}, "
            f"submitted by request {self._claim.origin.request_id or 'unknown'}"
        )
        try:
            self._trainer.send(order)
            self._follow()
        except ClaimLost:
            logger.warning("job %s: its claim was lost; the trainer is stopped", self._claim.job)
            self._trace.end("claim lost")
        except SystemExit:
            # The worker was told to stop: the job goes back into the queue, without a charged attempt.
            self._pause()
            self._trainer.stop()
            self._journal.give_back()
            raise
        finally:
            self._trainer.stop(self._cancel_grace_s)

    def _pause(self) -> None:
        """Let a training save its state; the next trainer repeats anything else."""
        if self._journal.progress.phase != "training":
            return
        deadline = time.monotonic() + self._pause_grace_s
        try:
            self._trainer.send(Pause())
            while time.monotonic() < deadline:
                match report := self._trainer.receive(TICK_S):
                    case Paused():
                        self._journal.say("saved between two batches; the worker is stopping")
                        return
                    case Failed():
                        return
                    case ProgressMade():
                        self._note_progress(report)
                    case LogLine():
                        self._journal.add_line(report)
                if self._journal.progress.phase != "training" or self._limits.breach() or self._journal.beat():
                    return
        except ClaimLost:
            return
        except EOFError:
            pass
        logger.warning("job %s: it did not save in time and will resume after its last epoch", self._claim.job)

    def _follow(self) -> None:
        while True:
            try:
                report = self._trainer.receive(TICK_S)
            except EOFError:
                self._end_of_trainer()
                return
            if report is not None and self._take(report):
                return
            if self._watchdog.is_stalled():
                self._retry(failures.stalled(self._watchdog.silence_s(), self._journal.progress.phase))
                return
            if failure := self._limits.breach():
                self._trainer.stop()
                self._fail(failure)
                return
            if self._journal.beat():
                self._cancel()
                return
            self._finish_if_asked()

    def _finish_if_asked(self) -> None:
        if not self._is_finish_sent and self._job_store.is_finish_asked(self._claim):
            self._is_finish_sent = True
            self._journal.say("asked to finish: the training ends now, and its best epoch is published")
            self._trainer.send(Finish())

    def _take(self, report: Report) -> bool:
        """Act on one report; True when it was the last."""
        self._watchdog.hear(report.progress if isinstance(report, ProgressMade) else None)
        match report:
            case ProgressMade():
                self._note_progress(report)
            case LogLine():
                self._journal.add_line(report)
                trainer_logger.log(report.level, "job %s: %s", self._claim.job, report.message)
            case CommitRequested():
                self._answer_commit(report.version)
            case Published():
                self._finish(report.model)
                return True
            case Failed():
                self._fail(report.failure)
                return True
            case Ready() | Paused():
                pass
        return False

    def _note_progress(self, report: ProgressMade) -> None:
        if report.progress.phase == "training" and self._journal.progress.phase != "training":
            self._on_training()
        self._journal.note_progress(report)
        self._run_folder.note(report.progress, report.history)

    def _answer_commit(self, version: int) -> None:
        granted = insist(self._claim.job, lambda: self._job_store.begin_commit(self._claim, version))
        self._trainer.send(CommitGranted(granted=granted))
        self._watchdog.hear()  # until now the trainer waited for us
        if granted:
            self._limits.publishes()
        else:
            self._journal.hurry()  # the heartbeat tells whether the job was cancelled or its claim lost

    def _finish(self, model: PublishedModel) -> None:
        self._journal.log_end(f"published {model.name}, version {model.version}")
        self._journal.end(JobState.SUCCEEDED, lambda: self._job_store.succeed(self._claim, model))
        logger.info("job %s: published %s version %d", self._claim.job, model.name, model.version)

    def _fail(self, failure: JobFailure) -> None:
        self._journal.log_end(f"failed ({failure.code}): {failure.message}")
        self._journal.end(JobState.FAILED, lambda: self._job_store.fail(self._claim, failure), failure.code)
        logger.warning("job %s: failed (%s): %s", self._claim.job, failure.code, failure.message)

    def _cancel(self) -> None:
        self._trainer.stop(self._cancel_grace_s)
        self._journal.log_end("cancelled")
        self._journal.end(JobState.CANCELLED, lambda: self._job_store.end_cancelled(self._claim))
        logger.info("job %s: cancelled", self._claim.job)

    def _retry(self, failure: JobFailure) -> None:
        """End this attempt; the job store decides whether the job gets another one."""
        self._trainer.stop()
        self._journal.say(f"attempt {self._claim.attempt} is lost ({failure.code}): {failure.message}")
        self._journal.end(JobState.QUEUED, lambda: self._job_store.retry(self._claim, failure), failure.code)

    def _end_of_trainer(self) -> None:
        """End the job of a trainer that ended without a last report: only its exit status tells why."""
        status = self._trainer.exit_status()
        logger.error(
            "job %s: the trainer ended with status %d: %s", self._claim.job, status, self._trainer.last_words()
        )
        if status >= 0:
            self._fail(failures.trainer_exited(status))
        elif status != -signal.SIGKILL:
            self._retry(failures.trainer_exited(status))
        elif self._memory_kills_before is None:
            self._retry(self._out_of_memory("was killed, most likely because memory ran out"))
        elif memory_kills() == self._memory_kills_before:
            self._retry(failures.trainer_died("was killed from outside; memory had not run out"))
        else:
            self._fail(self._out_of_memory("was killed by the kernel because memory ran out"))

    def _out_of_memory(self, what_happened: str) -> JobFailure:
        return out_of_memory(self._claim.plan.batch_size, f"The training process {what_happened}")
