"""Bounds what agents use of this process: calls at once, of each caller and of all, and the bytes of their bodies."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

CALLS, CALLS_OF_ONE = 32, 8
"""Calls at once: of all callers, and of one. Most of them wait for jobs."""


class AgentsBusy(Exception):
    """No more calls at once, or no more bytes; the message says what to do."""


class Slots:
    """The slots of one process; used by the event loop's thread only.

    Args:
        max_bytes: most bytes of bodies at once.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._calls: Counter[str] = Counter()

    @contextmanager
    def call(self, caller: str) -> Iterator[None]:
        """A call of a caller, while it runs.

        Raises:
            AgentsBusy: there are too many.
        """
        if self._calls[caller] >= CALLS_OF_ONE or self._calls.total() >= CALLS:
            raise AgentsBusy(
                f"There are too many calls at once; expected at most {CALLS_OF_ONE} of one key and {CALLS} in all. "
                "Wait for one of yours to end, and call again."
            )
        self._calls[caller] += 1
        try:
            yield
        finally:
            self._calls[caller] -= 1
            if not self._calls[caller]:
                del self._calls[caller]

    def hold(self, n_bytes: int) -> None:
        """Count bytes of a body. Raises `AgentsBusy` above the limit; the bytes count anyway."""
        self._held_bytes += n_bytes
        if self._held_bytes > self._max_bytes:
            raise AgentsBusy("The bodies of agents take too much memory at the moment; try again in a second.")

    def let_go(self, n_bytes: int) -> None:
        """Count fewer bytes: their request is answered."""
        self._held_bytes -= n_bytes
