"""Follows a job to its end: by Server-Sent Events, or by polling where event streams do not get through."""

import time
from collections.abc import Callable, Iterator

import httpx_sse
from pydantic import BaseModel

from service.cli.client import Client, ServerRefused, ServerUnreachable
from worker.jobs.records import History, JobRecord, Progress

RETRY_S = 1.0
RETRIES = 60  # consecutive attempts without a response: about a minute, enough for a server to restart


class _Epoch(BaseModel):
    """The data of an `epoch` event."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


class Patience:
    """Bears that a server does not respond for a while, as when it restarts."""

    def __init__(self) -> None:
        self._failures = 0

    def answered(self) -> None:
        """Begin to count anew."""
        self._failures = 0

    def failed(self, error: ServerUnreachable | ServerRefused) -> None:
        """Count one failure; raise it when it was one too many, or when a repetition would not change it."""
        self._failures += 1
        if self._failures > RETRIES or (isinstance(error, ServerRefused) and error.status < 500):
            raise error


class JobFollower:
    """Follows one job.

    Attributes:
        job: the job's latest known record.
    """

    def __init__(self, client: Client, job: JobRecord, sleep: Callable[[float], None] = time.sleep) -> None:
        self.job = job
        self._client = client
        self._sleep = sleep
        self._last_event_id = ""

    def updates(self) -> Iterator[JobRecord]:
        """Yield the job after every change, the last time when it has ended.

        Raises:
            ServerUnreachable: the server has not responded for a while; the job continues.
        """
        patience = Patience()
        while not self.job.is_finished:
            try:
                yield from self._streamed()
                if not self.job.is_finished:  # the stream broke off: polling works where streams do not
                    self._poll()
                    yield self.job
                patience.answered()
            except (ServerUnreachable, ServerRefused) as error:
                patience.failed(error)
            if not self.job.is_finished:
                self._sleep(RETRY_S)

    def _streamed(self) -> Iterator[JobRecord]:
        headers = {"Accept": "text/event-stream"}
        if self._last_event_id:
            headers["Last-Event-ID"] = self._last_event_id
        try:
            with self._client.stream(f"/jobs/{self.job.id}/events", headers) as response:
                for event in httpx_sse.EventSource(response).iter_sse():
                    self._last_event_id = event.id or self._last_event_id
                    self._apply(event)
                    yield self.job
                    if self.job.is_finished:
                        return
        except (ServerUnreachable, httpx_sse.SSEError):
            return

    def _poll(self) -> None:
        self.job = JobRecord.model_validate(self._client.get(f"/jobs/{self.job.id}"))

    def _apply(self, event: httpx_sse.ServerSentEvent) -> None:
        match event.event:
            case "state":
                self.job = JobRecord.model_validate_json(event.data)
            case "progress":
                self.job = self.job.model_copy(update={"progress": Progress.model_validate_json(event.data)})
            case "epoch":
                epoch = _Epoch.model_validate_json(event.data)
                history = _with_epoch(self.job, epoch)
                self.job = self.job.model_copy(update={"history": history})


def _with_epoch(job: JobRecord, epoch: _Epoch) -> History:
    """The job's history with this epoch appended; unchanged if the epoch is already known."""
    if len(job.history.loss) != epoch.epoch - 1:
        return job.history
    return job.history.with_epoch(epoch.model_dump(exclude={"epoch"}), job.request.early_stopping)
