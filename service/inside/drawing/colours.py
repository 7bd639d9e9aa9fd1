"""Colours for numbers, safe for colour-blind eyes: one ramp for values of one sign, one for values of both signs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 256
_ONE_SIGN = (
    "#00224E",
    "#123570",
    "#3B496C",
    "#575D6D",
    "#707173",
    "#8A8678",
    "#A59C74",
    "#C3B369",
    "#E1CC55",
    "#FEE838",
)
"""Dark blue to yellow, as in the palette cividis: lighter is larger, also in grey."""
_TWO_SIGNS = ("#004B87", "#0072B2", "#7FB8D8", "#F7F7F7", "#F0B27F", "#D55E00", "#8A3D00")
"""Blue is negative, white is 0, orange is positive: Okabe and Ito's blue and vermillion."""


def _ramp(colours: tuple[str, ...]) -> NDArray[np.uint8]:
    parts = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours], float)
    places = np.linspace(0, len(colours) - 1, STEPS)
    return np.stack([np.interp(places, range(len(colours)), parts[:, channel]) for channel in range(3)], 1).astype(
        np.uint8
    )


ONE_SIGN, TWO_SIGNS = _ramp(_ONE_SIGN), _ramp(_TWO_SIGNS)


class Scale:
    """Which colour stands for which value: one scale for all tiles of a drawing, so that they can be compared.

    Attributes:
        low: value of the first colour.
        high: value of the last colour.
        colours: uint8, shape (256, 3).
    """

    def __init__(self, values: NDArray[Any]) -> None:
        """The scale that holds these finite values; around 0 if they have both signs."""
        least, most = float(values.min(initial=0)), float(values.max(initial=0))
        if least < 0:
            most = max(-least, most)
            least = -most
        self.low, self.high = least, most
        self.colours = TWO_SIGNS if least < 0 else ONE_SIGN

    def paint(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """The values as RGB, shape (*values.shape, 3)."""
        span = self.high - self.low
        share = (values - self.low) / span if span else np.zeros_like(values, dtype=float)
        painted: NDArray[np.uint8] = self.colours[(share * (STEPS - 1)).round().clip(0, STEPS - 1).astype(int)]
        return painted


def figure(value: float) -> str:
    """A number in three digits, such as 0.123, 12.3 or 1.2e+05; with a real minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
