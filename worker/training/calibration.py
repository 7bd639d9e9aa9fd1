"""Whether a network is as sure as it is right: confidence against accuracy, in bins. Arrays in, numbers out.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: equal-width bins over the confidence, which is the
probability of the class that was answered, and the expected calibration error.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

N_BINS = 15  # as in the paper's tables


class CalibrationBin(BaseModel):
    """The answers given with a confidence in one range."""

    model_config = ConfigDict(frozen=True)

    lower: float = Field(description="Confidence above this (the first bin: 0 included) …")
    upper: float = Field(description="… and up to this.")
    count: int
    confidence: float | None = Field(description="Mean confidence; null when the bin is empty.")
    accuracy: float | None = Field(description="Share of right answers; null when the bin is empty.")


class Calibration(BaseModel):
    """Confidence against accuracy."""

    model_config = ConfigDict(frozen=True)

    expected_error: float = Field(
        description="Expected calibration error: distance of accuracy and confidence, mean over the bins by count."
    )
    confidence: float = Field(description="Mean confidence over all answers.")
    bins: tuple[CalibrationBin, ...]


def calibrate(confidence: NDArray[np.float32], is_right: NDArray[np.bool_]) -> Calibration:
    """Sort answers into bins of confidence.

    Args:
        confidence: float32, shape (n,), values in [0, 1], n at least 1.
        is_right: bool, shape (n,).
    """
    confidence = confidence.astype(np.float64)
    # Bin m of N is (m/N, (m+1)/N]; a float a little over 1 belongs to the last one.
    places = np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    counts = np.bincount(places, minlength=N_BINS)
    confidence_sums = np.bincount(places, weights=confidence, minlength=N_BINS)
    right_counts = np.bincount(places, weights=is_right, minlength=N_BINS)
    return Calibration(
        expected_error=float(np.abs(right_counts - confidence_sums).sum() / len(confidence)),
        confidence=float(confidence.mean()),
        bins=tuple(
            CalibrationBin(
                lower=place / N_BINS,
                upper=(place + 1) / N_BINS,
                count=int(counts[place]),
                confidence=float(confidence_sums[place] / counts[place]) if counts[place] else None,
                accuracy=float(right_counts[place] / counts[place]) if counts[place] else None,
            )
            for place in range(N_BINS)
        ),
    )
