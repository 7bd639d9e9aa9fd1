"""The spans of one run of a job: one for the whole run, a child of the submission's, and inside it one per phase."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from worker.jobs.records import Claim, Phase
from worker.telemetry.spans import Attributes, Span, Tracing


class JobTrace:
    """Open for as long as the job runs; the innermost span is the current phase."""

    def __init__(self, tracing: Tracing, claim: Claim) -> None:
        self._tracing = tracing
        self._claim = claim
        self._job = ExitStack()
        self._phase = ExitStack()
        self._name: Phase | None = None

    def __enter__(self) -> Self:
        plan = self._claim.plan
        attributes: Attributes = {
            "convserve.job": self._claim.job,
            "convserve.attempt": self._claim.attempt,
            "convserve.architecture": plan.architecture_name,
            "convserve.dataset": plan.dataset,
            "convserve.model": plan.model,
            "convserve.request_id": self._claim.origin.request_id,
        }
        parent = self._claim.origin.traceparent
        self._span: Span = self._job.enter_context(self._tracing.span("job", attributes, "consumer", parent))
        self.enter("starting")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._phase.close()
        self._job.__exit__(kind, error, _)
        self._tracing.flush()

    def enter(self, phase: Phase) -> None:
        """Note that the job is in this phase now."""
        if phase != self._name:
            self._phase.close()
            self._phase.enter_context(self._tracing.span(phase))
            self._name = phase

    def end(self, outcome: str, failure: str = "") -> None:
        """Note how the job ended, with a code when it failed."""
        self._span.set("convserve.outcome", outcome)
        if failure:
            self._span.fail(failure)
