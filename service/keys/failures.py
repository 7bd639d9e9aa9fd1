"""Counts wrong keys per address, so that guessing gets ten tries a minute."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from service.web.connection_table import network_of

WINDOW_S = 60.0
TRIES = 10
"""Wrong keys that one address may send in a window."""
ADDRESSES = 4096
"""Addresses remembered; beyond it, the one that failed least recently is forgotten."""


class Failures:
    """The wrong keys of the last minute. An IPv6 client is its /64 network."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._blocked_until = float("-inf")
        self._failed_at: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, host: str | None) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        times = self._failed_at.get(network_of(host) or "")
        if times is None or len(times) < TRIES:
            return 0.0
        return max(0.0, times[0] + WINDOW_S - self._clock())

    def is_any_blocked(self) -> bool:
        """Whether some address has to wait."""
        return self._clock() < self._blocked_until

    def add(self, host: str | None) -> None:
        """Count a wrong key."""
        address = network_of(host) or ""
        times = self._failed_at.setdefault(address, deque(maxlen=TRIES))
        times.append(self._clock())
        if len(times) == TRIES:
            self._blocked_until = max(self._blocked_until, times[0] + WINDOW_S)
        self._failed_at.move_to_end(address)
        if len(self._failed_at) > ADDRESSES:
            self._failed_at.popitem(last=False)
