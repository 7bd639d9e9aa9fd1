"""Target outputs and loss weights of each label. Works on arrays, without Keras."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def training_targets(n_classes: int, label_smoothing: float) -> NDArray[np.float32]:
    """The target of every label, one row each.

    Args:
        n_classes: number of labels.
        label_smoothing: share of each target that is spread evenly over all classes (Szegedy et al., 2016).

    Returns:
        float32, shape (n_classes, n_classes), rows sum to 1; one-hot without smoothing.
    """
    sharp = np.eye(n_classes, dtype=np.float32)
    return sharp * np.float32(1 - label_smoothing) + np.float32(label_smoothing / n_classes)


def label_weights(
    wanted: str | Mapping[str, float] | None, classes: tuple[str, ...], labels: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """The loss weight of each label.

    Args:
        wanted: weights by label, 1 for labels that are not named; or "balanced", which gives all classes the same
            total weight regardless of their number of pictures: n / (n_classes x pictures of the class).
        classes: labels in the order of their index.
        labels: int64, shape (n,), labels of the training split.

    Returns:
        float32, shape (n_classes,); None when all weights are equal.
    """
    if wanted is None:
        return None
    if isinstance(wanted, Mapping):
        return np.array([wanted.get(label, 1.0) for label in classes], dtype=np.float32)
    counts = np.bincount(labels, minlength=len(classes))
    # A class without pictures never occurs, so its weight does not matter.
    return (len(labels) / (len(classes) * np.maximum(counts, 1))).astype(np.float32)
