"""A network's wrong answers on the test split, most confident first: the content of `mistakes.json`.

An index refers to the dataset's own order of the test split, so each picture can be found in the dataset's files.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

MOST_MISTAKES = 2000  # about 300 kB of JSON; all mistakes of a network with an accuracy of 80 % on 10,000 pictures


class Mistake(BaseModel, defer_build=True):
    """One picture that the network classified wrongly."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(description="Index of the picture in the test split, from 0.")
    true: str = Field(description="The picture's class.")
    predicted: str = Field(description="The network's answer.")
    probability: float = Field(description="Probability of the answer.")
    true_probability: float = Field(description="Probability of the picture's class.")


class Mistakes(BaseModel, defer_build=True):
    """The mistakes of one version."""

    model_config = ConfigDict(frozen=True)

    pictures: int = Field(description="Pictures of the test split that were tested.")
    total: int = Field(description="Mistakes among them.")
    mistakes: tuple[Mistake, ...] = Field(description=f"The {MOST_MISTAKES} most confident ones, most confident first.")


def find_mistakes(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    rows: NDArray[np.int64] | None = None,
) -> Mistakes:
    """The wrong answers in order of falling confidence, at most `MOST_MISTAKES`; ties stay in the order of the split.

    Args:
        probabilities: float32, shape (n, n_classes), rows sum to 1.
        labels: int64, shape (n,), values in [0, n_classes).
        classes: names in index order.
        rows: int64, shape (n,), the places of the pictures in the test split; None if they are the whole split.
    """
    answers = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    ranked = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]
    return Mistakes(
        pictures=len(labels),
        total=len(wrong),
        mistakes=tuple(
            Mistake(
                index=int(index if rows is None else rows[index]),
                true=classes[labels[index]],
                predicted=classes[answers[index]],
                probability=float(probabilities[index, answers[index]]),
                true_probability=float(probabilities[index, labels[index]]),
            )
            for index in ranked[:MOST_MISTAKES]
        ),
    )
