"""What a span and a source of spans are; nothing here sends one anywhere."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Literal, Protocol

Kind = Literal["internal", "server", "producer", "consumer"]
Attributes = Mapping[str, str | int | float]

NO_ATTRIBUTES: Attributes = {}


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
