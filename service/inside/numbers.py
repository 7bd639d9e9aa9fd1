"""Numbers for answers: few digits, and no more of them than an answer may have."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 7
"""Significant digits, as many as float32 has."""


def rounded(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values with the digits that float32 has: 0.1, not 0.10000000149011612. Infinite values become large ones."""
    wide = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=1e38, neginf=-1e38)
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(wide), where=wide != 0, out=np.zeros_like(wide)))
    # Powers of ten up to 10**22 are exact as float64, so the digits are not disturbed.
    up = 10.0 ** np.clip(DIGITS - 1 - exponent, 0, 22)
    short: NDArray[np.float64] = np.round(wide * up) / up
    return short


def rounded_one(value: float) -> float:
    """One value with the digits that float32 has."""
    return float(rounded(np.asarray(value)))
