"""What a classifier that did not see a picture says about it, for every picture at once.

A linear classifier by least squares has a closed form for that: the answer without a picture follows from the answer
with it and from the picture's leverage. So no classifier is trained several times. Measured with 5 % of the labels
replaced at random: of 1,000 pictures of CIFAR-10 with ImageNet features, the first 7 % of the ranking hold 86 to 90 %
of the wrong labels (three seeds); of 3,000 of Fashion-MNIST, even with raw pixels as features, 74 to 78 %.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS = 4096
MAX_WIDTH = 2048
"""Features beyond which they are projected to fewer: the closed form takes the cube of their number."""
PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""Candidates for the penalty of large weights, as multiples of the mean eigenvalue."""
SHARPNESS = (1, 2, 4, 6, 8, 12, 16)
"""Candidates for the factor that turns the answers, which are near 0 and 1, into probabilities."""
_SEED = 20_15

Features = NDArray[np.float32]


def leave_one_out(features: Features, labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Probabilities of the classes of each picture, by a classifier that was fitted without it.

    Args:
        features: float32, shape (n, width), n at least 2.
        labels: int64, shape (n,).
        n_classes: number of classes.

    Returns:
        float32, shape (n, n_classes), rows sum to 1.
    """
    features = _narrowed(features)
    centre, scale = features.mean(axis=0), float(features.std()) or 1.0
    targets = np.eye(n_classes)[labels]
    scatter = np.zeros((features.shape[1] + 1,) * 2)
    moments = np.zeros((features.shape[1] + 1, n_classes))
    for part, values in _scaled(features, centre, scale):
        scatter += values.T @ values
        moments += values.T @ targets[part]
    lengths, directions = np.linalg.eigh(scatter)
    lengths = np.maximum(lengths, 0)
    moments = directions.T @ moments
    answers = [np.empty((len(features), n_classes)) for _ in PENALTIES]
    for part, values in _scaled(features, centre, scale):
        turned = values @ directions
        for penalty, answer in zip(PENALTIES, answers, strict=True):
            inverse = 1 / (lengths + penalty * lengths.mean())
            fitted = turned @ (inverse[:, None] * moments)
            leverage = np.minimum((turned * turned) @ inverse, 1 - 1e-6)
            answer[part] = targets[part] - (targets[part] - fitted) / (1 - leverage)[:, None]
    best = min(answers, key=lambda answer: float(np.square(answer - targets).mean()))
    return _probabilities(best, labels)


def _narrowed(features: Features) -> Features:
    width = features.shape[1]
    if width <= MAX_WIDTH:
        return features
    random = np.random.default_rng(_SEED).standard_normal((width, MAX_WIDTH // 2), np.float32)
    return features @ (random / np.float32(np.sqrt(MAX_WIDTH // 2)))


def _scaled(
    features: Features, centre: NDArray[np.float32], scale: float
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Chunks of the features around 0, with a constant one."""
    for start in range(0, len(features), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        values = (features[part] - centre).astype(np.float64) / scale
        yield part, np.hstack([values, np.ones((len(values), 1))])


def _probabilities(answers: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """A softmax as sharp as fits the labels best."""
    candidates = [_softmax(answers * factor) for factor in SHARPNESS]
    each = np.arange(len(labels))
    best = max(candidates, key=lambda candidate: float(np.log(candidate[each, labels] + 1e-12).mean()))
    return best.astype(np.float32)


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    softmax: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return softmax
