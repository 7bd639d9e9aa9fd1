"""Training pictures whose label is perhaps wrong: the content of `doubtful-labels.json`.

Each picture was judged by a classifier that did not see it. The list is in the order of how many times more
probable another class is than the picture's own. The difference of the two probabilities would rank worse: of wrong
labels that were planted it has 61 to 76 % in its first 7 %, the ratio 74 to 90 %.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

MOST_DOUBTFUL = 2000


class DoubtfulLabel(BaseModel, defer_build=True):
    """One training picture that looks like another class."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(description="Index of the picture in the training split, from 0.")
    label: str = Field(description="The picture's class, as it was uploaded.")
    suggested: str = Field(description="The class that it looks like.")
    label_probability: float = Field(description="Probability of its class.")
    suggested_probability: float = Field(description="Probability of the suggested class.")


class DoubtfulLabels(BaseModel, defer_build=True):
    """The doubtful labels of the pictures that a version was trained on."""

    model_config = ConfigDict(frozen=True)

    pictures: int = Field(description="Training pictures that were judged.")
    total: int = Field(description="Pictures among them that look more like another class.")
    labels: tuple[DoubtfulLabel, ...] = Field(
        description=f"The {MOST_DOUBTFUL} most doubtful ones, most doubtful first."
    )


def find_doubtful_labels(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], rows: NDArray[np.int64], classes: tuple[str, ...]
) -> DoubtfulLabels:
    """Rank pictures by how many times more probable another class is than their own.

    Args:
        probabilities: float32, shape (n, n_classes), of a classifier that did not see the picture.
        labels: int64, shape (n,), as they were uploaded.
        rows: int64, shape (n,), each picture's index in the training split.
        classes: names in index order.
    """
    each = np.arange(len(labels))
    suggested = probabilities.argmax(axis=1)
    own, best = probabilities[each, labels], probabilities[each, suggested]
    doubtful = np.flatnonzero(suggested != labels)
    ranked = doubtful[np.lexsort((rows[doubtful], own[doubtful] / best[doubtful]))]
    return DoubtfulLabels(
        pictures=len(labels),
        total=len(doubtful),
        labels=tuple(
            DoubtfulLabel(
                index=int(rows[at]),
                label=classes[labels[at]],
                suggested=classes[suggested[at]],
                label_probability=float(own[at]),
                suggested_probability=float(best[at]),
            )
            for at in ranked[:MOST_DOUBTFUL]
        ),
    )
