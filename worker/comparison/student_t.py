"""Student's t distribution, for the confidence interval of a difference of two means.

With t = sqrt(df) tan(angle) the density becomes a power of the cosine, which is smooth and is integrated accurately by
Simpson's rule. So neither a table nor a statistics library is needed.
"""

import math

import numpy as np

_INTERVALS = 2000  # even; the error is below 1e-9 for every df >= 1
_HALVINGS = 60


def t_quantile(probability: float, df: float) -> float:
    """The value below which a t-distributed variable lies with this probability.

    Args:
        probability: from 0.5 to less than 1.
        df: degrees of freedom, at least 1, may be fractional.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, df) < probability else (low, middle)
    return math.sqrt(df) * math.tan(low)


def welch_interval(
    first: tuple[float, ...], second: tuple[float, ...], confidence: float
) -> tuple[float, float, float]:
    """The difference of two means and its confidence interval, for unequal variances (Welch, 1947).

    The degrees of freedom follow Welch and Satterthwaite. If no value differs from its group's mean, the interval has
    width 0.

    Args:
        first: at least two independent values.
        second: likewise.
        confidence: such as 0.95.

    Returns:
        Mean of the first minus mean of the second, and the two ends of the interval.
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
