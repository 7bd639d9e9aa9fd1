"""Times the stages of a prediction (decode, queue, compute) once, for the metrics, the trace and the answer's header.

The header's share is collected per request, without anybody handing it down: whoever answers a request opens
`stage_times`, and every stage that ends meanwhile adds its seconds. It knows neither pictures nor networks.
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
    """Seconds spent in each stage by the request at hand, filled as stages end; several runs of one stage add up."""
    times: dict[str, float] = {}
    token = _of_request.set(times)
    try:
        yield times
    finally:
        _of_request.reset(token)


def server_timing(times: Mapping[str, float]) -> str:
    """Stage times as the `Server-Timing` header has them, in milliseconds."""
    return ", ".join(f"{stage};dur={seconds * 1000:.3f}" for stage, seconds in times.items())


class Run:
    """What a request is told of the run that answered it."""

    queue_s = 0.0
    compute_s = 0.0

    def took(self, queue_s: float, compute_s: float) -> None:
        """Note the seconds the request waited, and those its batch was worked on."""
        self.queue_s = queue_s
        self.compute_s = compute_s


class Stages:
    """Stopwatches for the stages of a prediction; a stage that fails is not counted."""

    def __init__(self, metrics: Metrics, tracing: Tracing) -> None:
        self._metrics = metrics
        self._tracing = tracing

    @contextmanager
    def decoding(self, model: str, n_pictures: int) -> Iterator[None]:
        """Around the decoding of all pictures of one request."""
        began_at = time.perf_counter()
        with self._tracing.span("decode", {"convserve.model": model, "convserve.pictures": n_pictures}):
            yield
        seconds = time.perf_counter() - began_at
        self._metrics.pictures_decoded(model, seconds)
        _note("decode", seconds)

    @contextmanager
    def inference(self, model: str, version: int, n_pictures: int) -> Iterator[Run]:
        """Around one request's share of a run of ONNX Runtime; the `Run` is told how long it took."""
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
        """ONNX Runtime has run once; the first of its pictures waited for `queue_s`."""
        self._metrics.batch_run(model, n_pictures, queue_s, compute_s)

    def rejected(self, code: str) -> None:
        """A picture could not be read."""
        self._metrics.picture_rejected(code)

    def loaded(self, seconds: float) -> None:
        """A version was read from the store and prepared."""
        self._metrics.model_loaded(seconds)


def _note(stage: str, seconds: float) -> None:
    times = _of_request.get()
    if times is not None:
        times[stage] = times.get(stage, 0.0) + seconds
