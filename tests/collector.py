"""A trace collector that listens: OTLP over HTTP on a port of its own, for tests that want to see what is sent."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class SeenSpan:
    """One span as it arrived."""

    name: str
    process: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    started_at: int
    ended_at: int
    has_failed: bool
    attributes: Mapping[str, object]


class Collector:
    """Keeps every span it is sent. Listens inside its `with` block."""

    def __init__(self) -> None:
        self._spans: list[SeenSpan] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def spans(self, name: str) -> list[SeenSpan]:
        """Those of a name, in the order in which they ended."""
        return sorted((span for span in self._spans if span.name == name), key=lambda span: span.ended_at)

    def children(self, parent: SeenSpan) -> list[SeenSpan]:
        """The spans directly in another, in the order in which they began."""
        return sorted(
            (span for span in self._spans if (span.trace_id, span.parent_id) == (parent.trace_id, parent.span_id)),
            key=lambda span: span.started_at,
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler

    def _take(self, request: ExportTraceServiceRequest) -> None:
        for resource_spans in request.resource_spans:
            resource = {pair.key: _value(pair.value) for pair in resource_spans.resource.attributes}
            for span in (span for scope in resource_spans.scope_spans for span in scope.spans):
                self._spans.append(
                    SeenSpan(
                        name=span.name,
                        process=str(resource["convserve.process"]),
                        service=str(resource["service.name"]),
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        started_at=span.start_time_unix_nano,
                        ended_at=span.end_time_unix_nano,
                        has_failed=span.status.code == Status.STATUS_CODE_ERROR,
                        attributes={pair.key: _value(pair.value) for pair in span.attributes},
                    )
                )


def _value(value: AnyValue) -> object:
    return getattr(value, str(value.WhichOneof("value")))
