"""Traces. They are off unless a collector is configured: nothing is imported then, and a span costs next to nothing.

Only `worker.telemetry.otlp`, which needs the extra `otel`, knows where spans go. A trace continues in another process
through its `traceparent`, a line of text that W3C Trace Context defines.
"""

import importlib
from contextlib import AbstractContextManager, nullcontext

from worker.telemetry.spans import NO_ATTRIBUTES, Attributes, Kind, Span, Tracing

INSTALL = "pip install 'convserve[otel]'"


class TracingUnavailable(Exception):
    """A collector is configured, but the packages that talk to it are missing."""

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"CONVSERVE_OTEL_ENDPOINT asks for traces, which need the extra `otel`; the module {missing} is missing: "
            f"{INSTALL}, or unset the variable"
        )
        self.missing = missing


class _NoSpan:
    def rename(self, name: str) -> None: ...

    def set(self, name: str, value: str | float) -> None: ...

    def fail(self, reason: str) -> None: ...


class NoTracing:
    """Traces are off."""

    _nothing: AbstractContextManager[Span] = nullcontext(_NoSpan())

    def span(
        self, name: str, attributes: Attributes = NO_ATTRIBUTES, kind: Kind = "internal", parent: str = ""
    ) -> AbstractContextManager[Span]:
        """The same empty span every time."""
        return self._nothing

    def traceparent(self) -> str:
        """Empty: there is no trace."""
        return ""

    def flush(self) -> None:
        """Nothing to send."""

    def close(self) -> None:
        """Nothing to end."""


def open_tracing(endpoint: str | None, service_name: str, process: str) -> Tracing:
    """Traces to a collector, or none.

    Args:
        endpoint: the collector's OTLP/HTTP address; None turns traces off.
        service_name: name under which the traces are shown.
        process: short name of this process, shown with its spans.

    Raises:
        TracingUnavailable: a collector is configured and the extra is not installed.
    """
    if endpoint is None:
        return NoTracing()
    check_packages(endpoint)
    from worker.telemetry.otlp import OtlpTracing  # noqa: PLC0415 - see the module's docstring

    return OtlpTracing(endpoint, service_name, process)


def check_packages(endpoint: str | None) -> None:
    """Raise `TracingUnavailable` when a collector is configured and the extra is not installed."""
    if endpoint is not None:
        try:
            importlib.import_module("worker.telemetry.otlp")
        except ModuleNotFoundError as error:
            raise TracingUnavailable(error.name or "opentelemetry") from error
