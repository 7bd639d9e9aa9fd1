"""How good a network is on the test split: the numbers of `evaluation.json`. Arrays in, numbers out; no Keras."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

EPSILON = 1e-7  # Keras's own clip in categorical cross-entropy (keras.config.epsilon)


class ClassScore(BaseModel):
    """One class of the test split."""

    model_config = ConfigDict(frozen=True)

    label: str
    n: int = Field(description="Pictures of this class in the test split.")
    precision: float | None = Field(description="Share of the pictures called this that are; null if none was.")
    recall: float | None = Field(description="Share of this class's pictures that were found; null if there are none.")
    f1: float | None = Field(description="Harmonic mean of precision and recall.")


class Evaluation(BaseModel):
    """The test split, once, after training."""

    model_config = ConfigDict(frozen=True)

    loss: float = Field(description="Categorical cross-entropy, mean over pictures.")
    accuracy: float
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion_matrix: tuple[tuple[int, ...], ...] = Field(description="Rows are the truth, columns the answer.")


def evaluate(probabilities: NDArray[np.float32], labels: NDArray[np.int64], classes: tuple[str, ...]) -> Evaluation:
    """Judge a network by its answers.

    Args:
        probabilities: float32, shape (n, n_classes), rows sum to 1.
        labels: int64, shape (n,), values in [0, n_classes).
        classes: names in index order.

    Raises:
        ValueError: the arrays differ in length.
    """
    if len(probabilities) != len(labels):
        raise ValueError(f"one row of probabilities per label expected; got {len(probabilities)} and {len(labels)}")
    answers = probabilities.argmax(axis=1)
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (labels, answers), 1)
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Evaluation(
        loss=float(-np.log(np.clip(likelihood, EPSILON, 1 - EPSILON)).mean()),
        accuracy=float((answers == labels).mean()),
        classes=classes,
        per_class=tuple(_class_score(name, index, matrix) for index, name in enumerate(classes)),
        confusion_matrix=tuple(tuple(int(count) for count in row) for row in matrix),
    )


def _class_score(name: str, index: int, matrix: NDArray[np.int64]) -> ClassScore:
    hits, truly, called = int(matrix[index, index]), int(matrix[index].sum()), int(matrix[:, index].sum())
    return ClassScore(
        label=name,
        n=truly,
        precision=hits / called if called else None,
        recall=hits / truly if truly else None,
        f1=2 * hits / (truly + called) if truly + called else None,
    )
