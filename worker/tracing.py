"""Traces, which are off unless a collector is named: then nothing is imported, and a span costs next to nothing.

What a span is, and where it goes, is known to `worker.otlp` alone, which needs the extra `otel`. A span of one process
continues in another by its `traceparent`, a line of text as W3C Trace Context defines it.
"""

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from worker.settings import SharedSettings

Kind = Literal["internal", "server", "producer", "consumer"]
Attributes = Mapping[str, str | int | float]

NO_ATTRIBUTES: Attributes = {}
INSTALL = "pip install 'convserve[otel]'"


class TracingUnavailable(Exception):
    """A collector is named, but the packages that talk to it are missing."""

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"CONVSERVE_OTEL_ENDPOINT asks for traces, which need the extra `otel`; the module {missing} is missing: "
            f"{INSTALL}, or unset the variable"
        )
        self.missing = missing


class Span(Protocol):
    """A piece of work under way."""

    def rename(self, name: str) -> None:
        """Give it the name that was not known when it began."""

    def set(self, name: str, value: str | float) -> None:
        """Say something about it."""

    def fail(self, reason: str) -> None:
        """Mark it as gone wrong."""


class Tracing(Protocol):
    """Where spans come from."""

    def span(
        self, name: str, attributes: Attributes = NO_ATTRIBUTES, kind: Kind = "internal", parent: str = ""
    ) -> AbstractContextManager[Span]:
        """A span for the length of a `with` block; those opened inside become its children.

        Args:
            name: the same for all pieces of work of a kind.
            attributes: what is special about this one.
            kind: its side of a conversation between processes.
            parent: a `traceparent` from elsewhere; empty: the span that is open here, if any.
        """

    def traceparent(self) -> str:
        """The open span as text for another process; empty when there is none."""

    def flush(self) -> None:
        """Send what has ended; a collector that does not answer is given up soon."""

    def close(self) -> None:
        """Send what is left, and end."""


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
        """The same idle span every time."""
        return self._nothing

    def traceparent(self) -> str:
        """Nothing to continue."""
        return ""

    def flush(self) -> None:
        """Nothing to send."""

    def close(self) -> None:
        """Nothing to end."""


def open_tracing(settings: SharedSettings, process: str) -> Tracing:
    """Traces as the settings want them.

    Args:
        settings: name the collector, or none.
        process: short name of this process, shown with its spans.

    Raises:
        TracingUnavailable: a collector is named and the extra is not installed.
    """
    if settings.otel_endpoint is None:
        return NoTracing()
    check_packages(settings)
    from worker.otlp import OtlpTracing  # noqa: PLC0415 - see the module's docstring

    return OtlpTracing(settings.otel_endpoint, settings.otel_service_name, process)


def check_packages(settings: SharedSettings) -> None:
    """Raise `TracingUnavailable` when a collector is named and the extra is not installed."""
    if settings.otel_endpoint is not None:
        try:
            importlib.import_module("worker.otlp")
        except ModuleNotFoundError as error:
            raise TracingUnavailable(error.name or "opentelemetry") from error
