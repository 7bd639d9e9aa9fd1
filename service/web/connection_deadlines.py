"""What a connection may take, and when its time is up. Knows neither sockets nor clocks: it is told what they say."""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

_LONGEST_PERIOD_S = 1.0


@dataclass(frozen=True)
class ConnectionLimits:
    """What one connection may take, and how many there may be.

    Attributes:
        header_bytes: most bytes of the request line and the headers together.
        header_count: most headers.
        pipelined_requests: most requests that wait for the answer to an earlier one. Without this limit the 10,000
            short requests in one chunk of 256 KiB stop the event loop for 0.23 s and take 23 MB; with it, 2 ms.
        header_s: seconds for a header to arrive, and for the first bytes of a new connection.
        idle_s: seconds between an answer and the next request.
        body_s: seconds for a body to arrive.
        long_body_paths: paths whose bodies may take `long_body_s`.
        long_body_s: seconds for a body to arrive there.
        body_bytes_per_s: slowest rate of a body, averaged over `rate_window_s`.
        rate_window_s: seconds over which the rate is measured.
        send_s: seconds in which a client must take at least some bytes of its answer.
        linger_s: seconds for which the rest of a refused request is read and discarded.
        linger_bytes: most bytes of it.
        connections: most connections of the process.
        connections_per_address: most connections of one IPv4 address or one IPv6 network of 64 bits.
        open_paths: paths that are answered even on connections beyond these limits.
    """

    header_bytes: int = 64 * 1024
    header_count: int = 100
    pipelined_requests: int = 64
    header_s: float = 10
    idle_s: float = 5
    body_s: float = 600
    long_body_paths: re.Pattern[str] = re.compile(r"(?!)")
    long_body_s: float = 600
    body_bytes_per_s: float = 2048
    rate_window_s: float = 20
    send_s: float = 60
    linger_s: float = 2
    linger_bytes: int = 1024 * 1024
    connections: int = 1024
    connections_per_address: int = 512
    open_paths: frozenset[str] = frozenset({"/healthz"})

    @property
    def review_period_s(self) -> float:
        """Seconds between two reviews of all connections."""
        shortest = min(self.header_s, self.idle_s, self.body_s, self.rate_window_s, self.send_s, self.linger_s)
        return min(_LONGEST_PERIOD_S, shortest / 4)


class Phase(Enum):
    """What is read from a connection."""

    BETWEEN = auto()
    """No request has begun since the last one arrived."""
    HEADER = auto()
    BODY = auto()
    CLOSING = auto()
    """What still arrives is discarded."""


class Due(Enum):
    """What a connection has earned."""

    NOTHING = auto()
    REFUSAL = auto()
    CLOSE = auto()
    DROP = auto()
    """Close without sending what is left."""


class Progress(NamedTuple):
    """How far a connection is.

    Attributes:
        phase: what is read from it.
        n_requests: requests that have begun on it.
        is_answering: a request has no complete answer yet.
        body_bytes: what has arrived of the current body.
        unsent_bytes: of answers, not yet taken by the client.
        must_wait: the client cannot send, because the server does not read.
        has_long_body: the current body may take `long_body_s`.
        is_within_limits: the connection is not one too many.
    """

    phase: Phase
    n_requests: int
    is_answering: bool
    body_bytes: int
    unsent_bytes: int
    must_wait: bool
    has_long_body: bool
    is_within_limits: bool


class Deadlines:
    """Follows one connection from review to review."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._seen = (Phase.BETWEEN, -1, False)
        self._seen_at_s = 0.0
        self._rate_from_s = 0.0
        self._rate_from_bytes = 0
        self._unsent_bytes = 0
        self._unsent_since_s = 0.0

    def due(self, progress: Progress, now_s: float) -> Due:
        """What to do with the connection.

        Args:
            progress: how far it is now.
            now_s: seconds since any moment, never less than at the last call.
        """
        seen = (progress.phase, progress.n_requests, progress.is_answering)
        if seen != self._seen:
            self._seen, self._seen_at_s = seen, now_s
            self._measure_from(progress, now_s)
        if self._is_unread(progress.unsent_bytes, now_s):
            return Due.DROP
        elapsed_s = now_s - self._seen_at_s
        if progress.phase is Phase.HEADER:
            is_late = elapsed_s > self._header_s(progress) and not progress.must_wait
            return Due.REFUSAL if is_late else Due.NOTHING
        if progress.phase is Phase.BODY:
            return Due.REFUSAL if self._is_body_slow(progress, elapsed_s, now_s) else Due.NOTHING
        if progress.is_answering:
            return Due.NOTHING
        if progress.phase is Phase.CLOSING:
            return Due.DROP if elapsed_s > self._limits.linger_s and not progress.unsent_bytes else Due.NOTHING
        idle_s = self._limits.idle_s if progress.n_requests else self._header_s(progress)
        return Due.CLOSE if elapsed_s > idle_s else Due.NOTHING

    def _header_s(self, progress: Progress) -> float:
        return self._limits.header_s if progress.is_within_limits else self._limits.linger_s

    def _is_body_slow(self, progress: Progress, elapsed_s: float, now_s: float) -> bool:
        limits = self._limits
        if elapsed_s > (limits.long_body_s if progress.has_long_body else limits.body_s):
            return True
        if progress.must_wait:
            self._measure_from(progress, now_s)
        measured_s = now_s - self._rate_from_s
        if measured_s <= limits.rate_window_s:
            return False
        is_slow = progress.body_bytes - self._rate_from_bytes < measured_s * limits.body_bytes_per_s
        self._measure_from(progress, now_s)
        return is_slow

    def _measure_from(self, progress: Progress, now_s: float) -> None:
        self._rate_from_s, self._rate_from_bytes = now_s, progress.body_bytes

    def _is_unread(self, unsent_bytes: int, now_s: float) -> bool:
        """Whether the client has not taken a byte of its answers for too long."""
        if not unsent_bytes or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._unsent_since_s = unsent_bytes, now_s
        return now_s - self._unsent_since_s > self._limits.send_s
