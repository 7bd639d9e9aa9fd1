"""How long decoding takes: a running figure for every kind of picture, learned from the pictures that were decoded.

The figures stay within bounds around what was measured here, so that nobody teaches the process that large pictures
cost nothing, or that small ones take minutes.
"""

from worker.pictures.cost import Cost

MEASURED_S = {
    "JPEG": 2.2e-9,
    "progressive JPEG": 0.6e-9,
    "PNG": 5e-9,
    "WEBP": 20e-9,
    "BMP": 2e-9,
    "JSON": 20e-9,
}
"""Seconds for one unit of `Cost.work`, on one core of the machine where this was written."""
FASTEST, SLOWEST = 0.25, 10.0
"""Times the measured figure: what a figure may become."""
LEAST_WORK = 100_000
"""Smaller pictures say more about the overhead than about the work."""
_WEIGHT_OF_NEWEST = 0.1
_UNKNOWN_S = 20e-9


class DecodeTimes:
    """Expected seconds, by kind. Used by the event loop's thread only."""

    def __init__(self) -> None:
        self._unit_s = dict(MEASURED_S)

    def expected_s(self, cost: Cost) -> float:
        """Seconds that a picture is expected to keep a thread busy."""
        return cost.work * self._unit_s.get(cost.kind, _UNKNOWN_S)

    def learn(self, cost: Cost, took_s: float) -> None:
        """Note how long a picture took."""
        measured_s = MEASURED_S.get(cost.kind)
        if measured_s is None or cost.work < LEAST_WORK:
            return
        sample_s = min(max(took_s / cost.work, FASTEST * measured_s), SLOWEST * measured_s)
        self._unit_s[cost.kind] += _WEIGHT_OF_NEWEST * (sample_s - self._unit_s[cost.kind])
