"""Spans through OpenTelemetry's SDK to an OTLP/HTTP collector; the only module that imports it.

Nothing is registered globally: a process may hold several of these, as tests do. When the collector does not answer,
only the spans are lost.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from worker.telemetry.spans import NO_ATTRIBUTES, Attributes, Kind, Span

EXPORT_TIMEOUT_S = 2.0
"""For one export, retries included."""
CLOSE_LIMIT_S = 2.5
"""A process that ends must not wait longer for a collector, or it is killed."""
TRACES_PATH = "/v1/traces"
_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_HEADER = "traceparent"


class OtlpTracing:
    """Sends the spans of one process in batches, from its own thread.

    Must be created after a fork: threads do not survive one.
    """

    def __init__(self, endpoint: str, service_name: str, process: str) -> None:
        resource = Resource.create(
            {
                "service.name": service_name,
                "service.version": version("convserve"),
                "convserve.process": process,
            }
        )
        exporter = OTLPSpanExporter(endpoint=traces_url(endpoint), timeout=EXPORT_TIMEOUT_S)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("convserve", version("convserve"))
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, attributes: Attributes = NO_ATTRIBUTES, kind: Kind = "internal", parent: str = ""
    ) -> Iterator[Span]:
        """See `worker.telemetry.spans.Tracing`. An exception that leaves the block marks the span as failed."""
        context = self._propagator.extract({_HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(name, context, _KINDS[kind], dict(attributes)) as span:
            yield _OtlpSpan(span)

    def traceparent(self) -> str:
        """The open span as text."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(_HEADER, "")

    def flush(self) -> None:
        """Send the spans that have ended."""
        self._provider.force_flush(round(EXPORT_TIMEOUT_S * 1000))

    def close(self) -> None:
        """Send the remaining spans and end the thread; what a silent collector does not take in time is lost."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_LIMIT_S)


def traces_url(endpoint: str) -> str:
    """The URL that traces are posted to: the collector's address with the path added, unless it has it already."""
    address = endpoint.rstrip("/")
    return address if address.endswith(TRACES_PATH) else address + TRACES_PATH


class _OtlpSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, name: str, value: str | float) -> None:
        self._span.set_attribute(name, value)

    def fail(self, reason: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, reason))
