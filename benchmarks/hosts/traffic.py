"""What goes on while something breaks: predictions at an even pace, and a stream of a job's events."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx_sse

from benchmarks.hosts.lab import ENDED, Lab, wait_until
from benchmarks.meanwhile import meanwhile
from tests.busy_machine import PATIENCE_S
from tests.unit.service.tiny_networks import grey_picture

PICTURE: dict[str, Any] = {"content": grey_picture(3), "headers": {"Content-Type": "image/png"}}
PREDICTIONS_PER_S = 5.0
OUTAGE_S = 4.0
"""After which a lost API gets no more predictions: the balancer notices two failed checks."""


@dataclass
class Predictions:
    """What became of predictions; a failed one is asked again at once, as a client would.

    Attributes:
        answered: how many were answered 200.
        worst_s: longest time from the first request for a prediction to its answer, over all tries.
        again: tries that got no answer or another one.
    """

    answered: int = 0
    worst_s: float = 0.0
    again: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.answered} predictions, the slowest after {self.worst_s:.1f} s, {len(self.again)} asked again"


@contextmanager
def steady_predictions(lab: Lab, path: str) -> Iterator[Predictions]:
    """Predict through the balancer while the block lasts."""
    found = Predictions()

    def send(is_over: threading.Event) -> None:
        while not is_over.wait(1 / PREDICTIONS_PER_S):
            began = time.monotonic()
            while not _predicted(lab, path, found) and not is_over.is_set():
                time.sleep(0.1)
            found.worst_s = max(found.worst_s, time.monotonic() - began)

    with meanwhile(send):
        yield found


def _predicted(lab: Lab, path: str, found: Predictions) -> bool:
    try:
        with lab.client() as client:
            answer = client.post(path, **PICTURE, timeout=2)
    except httpx.TransportError as error:
        found.again.append(type(error).__name__)
        return False
    if answer.status_code != 200:
        found.again.append(str(answer.status_code))
        return False
    found.answered += 1
    return True


class Stream(threading.Thread):
    """Follows a job to its end through the balancer, and goes on after its last event when a connection breaks.

    Attributes:
        epochs: numbers of the epochs that it was told of, in the order of the events.
        connections: how many it took.
        state: the job's last state.
    """

    def __init__(self, lab: Lab, job: str) -> None:
        super().__init__(daemon=True)
        self.epochs: list[int] = []
        self.connections = 0
        self.state = ""
        self._lab = lab
        self._job = job
        self._last_id = ""

    def run(self) -> None:
        """Follow until the job has ended."""
        deadline = time.monotonic() + PATIENCE_S
        while self.state not in ENDED and time.monotonic() < deadline:
            self.connections += 1
            try:
                self._follow()
            except (httpx.HTTPError, httpx_sse.SSEError):
                time.sleep(0.2)

    def await_end(self, limit_s: float) -> None:
        """Wait until it has told of the job's end, longer on a busy machine."""
        wait_until(lambda: not self.is_alive(), limit_s, f"the stream of job {self._job} ends")

    def _follow(self) -> None:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        with (
            self._lab.client() as client,
            client.stream("GET", f"/jobs/{self._job}/events", headers=headers, timeout=20) as answer,
        ):
            answer.raise_for_status()
            for event in httpx_sse.EventSource(answer).iter_sse():
                self._last_id = event.id or self._last_id
                if event.event == "epoch":
                    self.epochs.append(json.loads(event.data)["epoch"])
                elif event.event == "state":
                    self.state = json.loads(event.data)["state"]
