"""What a span and a source of spans are. Nothing here sends spans."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Literal, Protocol

Kind = Literal["internal", "server", "producer", "consumer"]
Attributes = Mapping[str, str | int | float]

NO_ATTRIBUTES: Attributes = {}


class Span(Protocol):
    """A piece of work in progress."""

    def rename(self, name: str) -> None:
        """Give it a name that was not known when it began."""

    def set(self, name: str, value: str | float) -> None:
        """Set an attribute."""

    def fail(self, reason: str) -> None:
        """Mark it as failed."""


class Tracing(Protocol):
    """A source of spans."""

    def span(
        self, name: str, attributes: Attributes = NO_ATTRIBUTES, kind: Kind = "internal", parent: str = ""
    ) -> AbstractContextManager[Span]:
        """A span for the duration of a `with` block; spans opened inside become its children.

        Args:
            name: the same for all work of one kind.
            attributes: of this piece of work.
            kind: its role between processes.
            parent: a `traceparent` from another process; if empty, the span that is open here, if any.
        """

    def traceparent(self) -> str:
        """The open span as text for another process; empty when there is none."""

    def flush(self) -> None:
        """Send the spans that have ended; waits only briefly for a collector that does not answer."""

    def close(self) -> None:
        """Send the remaining spans and end."""
