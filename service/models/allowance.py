"""How often something may be done: a few times at once, then at an even pace."""


class Allowance:
    """Paces calls that cost another service something. Used by one thread.

    Args:
        at_once: how many may be done without a pause.
        every_s: seconds between two in the long run; 0: any number may be done.
    """

    def __init__(self, at_once: int, every_s: float) -> None:
        self._lead_s = (at_once - 1) * every_s
        self._every_s = every_s
        self._next_at = float("-inf")

    def wait_s(self, now: float) -> float:
        """Take the next place, and return the seconds until it comes."""
        at = max(now - self._lead_s, self._next_at)
        self._next_at = at + self._every_s
        return max(0.0, at - now)
