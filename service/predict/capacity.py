"""How many predictions this process works on, and how many bytes of unfinished bodies it holds; more are refused.

A request counts from its headers to its answer, but for the time in which it waits for its client to send: slow
uploads are bounded by what they hold in memory and not by their number. Whatever way a prediction takes through this
process, it counts here. Used by the event loop's thread alone.
"""

import math

from service.errors import Overloaded

_WEIGHT_OF_NEWEST = 0.05


class Capacity:
    """The slots in this process."""

    def __init__(self, slots: int, held_bytes: int) -> None:
        """Begin empty.

        Args:
            slots: most predictions worked on at once.
            held_bytes: most bytes of bodies that have not come to their end.
        """
        self._places = slots
        self._most_held_bytes = held_bytes
        self._n_inside = 0
        self._held_bytes = 0
        self._usual_s = 0.0  # seconds a prediction takes, the newest ones counting most

    def enter(self) -> None:
        """Take a slot. Raises `Overloaded` when there is none."""
        if self._n_inside >= self._places:
            raise self._overloaded()
        self._n_inside += 1

    def leave(self, took_s: float) -> None:
        """Give the slot back, and say how many seconds the work took, waits for the client aside."""
        self._n_inside -= 1
        self._usual_s += _WEIGHT_OF_NEWEST * (took_s - self._usual_s)

    def step_out(self) -> None:
        """Leave the slot for as long as the client takes to send."""
        self._n_inside -= 1

    def re_enter(self) -> None:
        """Be inside again, be it one too many: a body under way is not dropped for want of a slot."""
        self._n_inside += 1

    def require_slot(self) -> None:
        """For whoever came back with a whole body: raise `Overloaded` when there is one too many inside."""
        if self._n_inside > self._places:
            raise self._overloaded()

    def hold(self, n_bytes: int) -> None:
        """Keep so many bytes more, or fewer, of a body. Raises `Overloaded` when it is too much; they count anyway."""
        self._held_bytes += n_bytes
        if n_bytes > 0 and self._held_bytes > self._most_held_bytes:
            raise self._overloaded()

    def _overloaded(self) -> Overloaded:
        return Overloaded(max(1, math.ceil(self._usual_s)))
