"""Calibration of a network: its confidence compared with its accuracy, in bins. Takes arrays, returns numbers.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: equal-width bins over the confidence, which is the
probability of the predicted class, and the expected calibration error.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

N_BINS = 15  # as in the paper's tables


class CalibrationBin(BaseModel):
    """The predictions with a confidence in one range."""

    model_config = ConfigDict(frozen=True)

    lower: float = Field(description="Exclusive lower limit of the confidence; inclusive in the first bin.")
    upper: float = Field(description="Inclusive upper limit of the confidence.")
    count: int
    confidence: float | None = Field(description="Mean confidence; null when the bin is empty.")
    accuracy: float | None = Field(description="Share of correct predictions; null when the bin is empty.")


class Calibration(BaseModel):
    """Confidence compared with accuracy."""

    model_config = ConfigDict(frozen=True)

    expected_error: float = Field(
        description="Expected calibration error: mean distance between accuracy and confidence, weighted by count."
    )
    confidence: float = Field(description="Mean confidence over all predictions.")
    bins: tuple[CalibrationBin, ...]


def calibrate(confidence: NDArray[np.float32], is_right: NDArray[np.bool_]) -> Calibration:
    """Sort predictions into bins by confidence.

    Args:
        confidence: float32, shape (n,), values in [0, 1], n at least 1.
        is_right: bool, shape (n,).
    """
    confidence = confidence.astype(np.float64)
    # Bin m of N is (m/N, (m+1)/N]; a value slightly above 1 (rounding) belongs to the last bin.
    bins = np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    confidence_sums = np.bincount(bins, weights=confidence, minlength=N_BINS)
    right_counts = np.bincount(bins, weights=is_right, minlength=N_BINS)
    return Calibration(
        expected_error=float(np.abs(right_counts - confidence_sums).sum() / len(confidence)),
        confidence=float(confidence.mean()),
        bins=tuple(
            CalibrationBin(
                lower=index / N_BINS,
                upper=(index + 1) / N_BINS,
                count=int(counts[index]),
                confidence=float(confidence_sums[index] / counts[index]) if counts[index] else None,
                accuracy=float(right_counts[index] / counts[index]) if counts[index] else None,
            )
            for index in range(N_BINS)
        ),
    )
