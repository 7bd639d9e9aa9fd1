"""How many requests a second a key may send: a bucket per key that fills steadily and holds one second's worth."""

import time
from collections.abc import Callable

from service.web.quota_errors import QuotaExceeded

KEYS_REMEMBERED = 4096


class Rates:
    """The buckets of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and when that was so

    def take(self, name: str, per_s: float) -> None:
        """Take one request out of the bucket of a key.

        Args:
            name: of the key.
            per_s: requests per second that it may send.

        Raises:
            QuotaExceeded: the bucket is empty.
        """
        now, most = self._clock(), max(1.0, per_s)
        left, at = self._buckets.pop(name, (most, now))
        left = min(most, left + (now - at) * per_s)
        is_enough = left >= 1
        self._buckets[name] = (left - 1 if is_enough else left, now)
        if len(self._buckets) > KEYS_REMEMBERED:
            del self._buckets[next(iter(self._buckets))]
        if not is_enough:
            wait_s = (1 - left) / per_s if per_s else 3600.0
            raise QuotaExceeded("predictions per second", per_s, per_s, wait_s)
