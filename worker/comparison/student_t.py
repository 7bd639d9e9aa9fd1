"""Student's t distribution, as far as an interval for a difference of two means needs it.

With t = sqrt(df) tan(angle) the density becomes a power of the cosine, which is smooth and integrates well by
Simpson's rule: no table, and no library of statistics for one number.
"""

import math

import numpy as np

_INTERVALS = 2000  # even; an error below 1e-9 for every df from 1 up
_HALVINGS = 60


def t_quantile(probability: float, df: float) -> float:
    """The value that a t distributed variable stays below with this probability.

    Args:
        probability: from 0.5 to less than 1.
        df: degrees of freedom, at least 1, not necessarily whole.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, df) < probability else (low, middle)
    return math.sqrt(df) * math.tan(low)


def welch_interval(
    first: tuple[float, ...], second: tuple[float, ...], confidence: float
) -> tuple[float, float, float]:
    """The difference of two means and the interval it lies in, for unequal spreads (Welch, 1947).

    Degrees of freedom are Welch's and Satterthwaite's. If no value differs from its group's mean, the interval is as
    wide as a point.

    Args:
        first: at least two independent values.
        second: likewise.
        confidence: such as 0.95.

    Returns:
        Mean of the first minus mean of the second, and the interval's ends.
    """
    difference = float(np.mean(first) - np.mean(second))
    parts = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    if sum(parts) <= 0:
        return difference, difference, difference
    df = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
    reach = t_quantile((1 + confidence) / 2, df) * math.sqrt(sum(parts))
    return difference, difference - reach, difference + reach


def _below(angle: float, df: float) -> float:
    """Probability of a t below sqrt(df) tan(angle), for an angle from 0 to pi / 2."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(math.pi)
    heights = np.cos(np.linspace(0, angle, _INTERVALS + 1)) ** (df - 1)
    weights = np.ones(_INTERVALS + 1)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return 0.5 + scale * float(heights @ weights) * angle / _INTERVALS / 3
