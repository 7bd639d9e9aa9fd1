"""Times the stages of a prediction (decode, queue, compute) once, for the metrics, the trace and the answer's header.

The times of a request are collected in a context variable: the code that answers it opens `stage_times`, and every
stage that ends inside adds its seconds. This module knows neither pictures nor networks.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from service.telemetry.metrics import Metrics
from worker.telemetry.spans import Attributes, Tracing

_of_request: ContextVar[dict[str, float] | None] = ContextVar("stage_times", default=None)


@contextmanager
def stage_times() -> Iterator[Mapping[str, float]]:
    """Seconds the current request spends in each stage, filled as stages end; several runs of one stage add up."""
    times: dict[str, float] = {}
    token = _of_request.set(times)
    try:
        yield times
    finally:
        _of_request.reset(token)


def server_timing(times: Mapping[str, float]) -> str:
    """Stage times in the form of the `Server-Timing` header, in milliseconds."""
    return ", ".join(f"{stage};dur={seconds * 1000:.3f}" for stage, seconds in times.items())


class Run:
    """The times of the run that answers a request."""

    queue_s = 0.0
    compute_s = 0.0

    def took(self, queue_s: float, compute_s: float) -> None:
        """Note how many seconds the request waited and its batch was computed."""
        self.queue_s = queue_s
        self.compute_s = compute_s


class Stages:
    """Stopwatches for the stages of a prediction; a stage that fails is not counted."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._metrics = metrics
        self._tracing = tracing

    @contextmanager
    def decoding(self, model: str, n_pictures: int) -> Iterator[None]:
        """Times the decoding of all pictures of one request."""
        began_at = time.perf_counter()
        with self._tracing.span("decode", {"convserve.model": model, "convserve.pictures": n_pictures}):
            yield
        seconds = time.perf_counter() - began_at
        self._metrics.pictures_decoded(model, seconds)
        _note("decode", seconds)

    @contextmanager
    def inference(self, model: str, version: int, n_pictures: int) -> Iterator[Run]:
        """Times one request's share of a run of ONNX Runtime; the caller tells the `Run` how long it took."""
        run = Run()
        attributes: Attributes = {
            "convserve.model": model,
            "convserve.version": version,
            "convserve.pictures": n_pictures,
        }
        with self._tracing.span("inference", attributes) as span:
            yield run
            span.set("convserve.queue_s", run.queue_s)
            span.set("convserve.compute_s", run.compute_s)
        _note("queue", run.queue_s)
        _note("compute", run.compute_s)

    def batch(self, model: str, n_pictures: int, queue_s: float, compute_s: float) -> None:
        """Note one run of ONNX Runtime; the first of its pictures waited for `queue_s`."""
        self._metrics.batch_run(model, n_pictures, queue_s, compute_s)

    def unusual(self, model: str, n_pictures: int) -> None:
        """Note pictures that are unlike the training pictures."""
        self._metrics.pictures_unusual(model, n_pictures)

    def compared(self, model: str, distance: float) -> None:
        """Note how far the last pictures of a model, taken together, are from its held-out pictures."""
        self._metrics.inputs_compared(model, distance)

    def rejected(self, code: str) -> None:
        """Note that a picture could not be read."""
        self._metrics.picture_rejected(code)

    def loaded(self, seconds: float) -> None:
        """Note that a version was read from the store and prepared."""
        self._metrics.model_loaded(seconds)


def _note(stage: str, seconds: float) -> None:
    times = _of_request.get()
    if times is not None:
        times[stage] = times.get(stage, 0.0) + seconds
