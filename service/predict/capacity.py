"""How many predictions this process works on, and how many bytes of their bodies it holds; more are refused.

A request has a slot from its headers to its answer, except while it waits for its client to send: slow uploads are
limited by the bytes they hold and not by their number. Every prediction counts here, whether it goes through the fast
lane or the routes. What decoding its pictures takes is counted by `service.predict.decode_queue`. Used by the event
loop's thread only.
"""

import math

from service.errors import Overloaded

_WEIGHT_OF_NEWEST = 0.05


class Capacity:
    """The slots of this process."""

    def __init__(self, slots: int, held_bytes: int) -> None:
        """Start empty.

        Args:
            slots: most predictions at once.
            held_bytes: most bytes of bodies.
        """
        self._n_slots = slots
        self._max_held_bytes = held_bytes
        self._n_inside = 0
        self._held_bytes = 0
        self._usual_s = 0.0  # running mean of the seconds that a prediction takes

    @property
    def is_busy(self) -> bool:
        """Whether predictions are inside."""
        return self._n_inside > 0

    def enter(self) -> None:
        """Take a slot. Raises `Overloaded` when none is free."""
        if self._n_inside >= self._n_slots:
            raise self._overloaded()
        self._n_inside += 1

    def leave(self, took_s: float) -> None:
        """Give the slot back; `took_s` is the seconds of work, without the time spent waiting for the client."""
        self._n_inside -= 1
        self._usual_s += _WEIGHT_OF_NEWEST * (took_s - self._usual_s)

    def step_out(self) -> None:
        """Give the slot back while the client sends."""
        self._n_inside -= 1

    def re_enter(self) -> None:
        """Re-enter even if this exceeds the limit: a body that is already arriving is never dropped."""
        self._n_inside += 1

    def require_slot(self) -> None:
        """Raise `Overloaded` if re-entering exceeded the limit; to be called when the body is whole."""
        if self._n_inside > self._n_slots:
            raise self._overloaded()

    def hold(self, n_bytes: int) -> None:
        """Count more bytes of an unfinished body. Raises `Overloaded` above the limit; the bytes count anyway."""
        self._held_bytes += n_bytes
        if self._held_bytes > self._max_held_bytes:
            raise self._overloaded()

    def hold_last(self, n_bytes: int) -> None:
        """Count the last bytes of a body, which are never refused: a small body is whole with its first bytes."""
        self._held_bytes += n_bytes

    def let_go(self, n_bytes: int) -> None:
        """Count fewer bytes: their request is answered."""
        self._held_bytes -= n_bytes

    def _overloaded(self) -> Overloaded:
        return Overloaded(max(1, math.ceil(self._usual_s)))
