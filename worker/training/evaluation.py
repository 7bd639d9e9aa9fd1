"""Evaluates a network on the test split: the numbers of `evaluation.json`. Takes arrays, returns numbers; no Keras."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from worker.recipe.options import TestTimeAugmentation
from worker.reports.confusion import confusion_of
from worker.training.calibration import Calibration, calibrate

EPSILON = 1e-7  # Keras clips by this in categorical cross-entropy (keras.config.epsilon)
TOP = 3
FEWEST_CLASSES_FOR_TOP = 5  # with fewer, three guesses say little


class ClassScore(BaseModel):
    """One class of the test split."""

    model_config = ConfigDict(frozen=True)

    label: str
    support: int = Field(description="Number of pictures of this class among those that were evaluated.")
    precision: float | None = Field(
        description="Share of correct predictions among those of this class; null if it was never predicted."
    )
    recall: float | None = Field(description="Share of this class's pictures that were found; null if there are none.")
    f1: float | None = Field(description="Harmonic mean of precision and recall; null if the class never occurs.")


class AverageScore(BaseModel):
    """Average of the classes' scores; null counts as 0, as in scikit-learn's report."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float


class ViewsScore(BaseModel):
    """Results on the same pictures, with answers averaged over several views of each (test-time augmentation)."""

    model_config = ConfigDict(frozen=True)

    views: TestTimeAugmentation
    loss: float = Field(description="Categorical cross-entropy, mean over pictures.")
    accuracy: float


class Evaluation(BaseModel):
    """Results on the test split, which is evaluated once, after training."""

    model_config = ConfigDict(frozen=True)

    pictures: int = Field(description="Pictures of the test split that were evaluated.")
    test_split: int = Field(description="Pictures in the test split; more than `pictures` with `test_samples`.")

    loss: float = Field(description="Categorical cross-entropy, mean over pictures.")
    accuracy: float
    top_3_accuracy: float | None = Field(
        description="Share of pictures whose class is among the three most probable; null with fewer than five classes."
    )
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    macro_average: AverageScore = Field(description="Every class that occurs has the same weight.")
    weighted_average: AverageScore = Field(description="Classes are weighted by their number of pictures.")
    confusion_matrix: tuple[tuple[int, ...], ...] = Field(description="Rows: true class; columns: predicted class.")
    calibration: Calibration
    test_time_augmentation: ViewsScore | None = Field(
        default=None,
        exclude_if=lambda score: score is None,
        description="Only if the job asked for it; everything else here is without it.",
    )

    def views_metrics(self) -> dict[str, float]:
        """What a manifest says about test-time augmentation; nothing if there was none."""
        score = self.test_time_augmentation
        return {} if score is None else {"tta_test_accuracy": score.accuracy, "tta_test_loss": score.loss}


def evaluate(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    test_split: int | None = None,
) -> Evaluation:
    """Evaluate a network by its predictions.

    Args:
        probabilities: float32, shape (n, n_classes), rows sum to 1, n at least 1.
        labels: int64, shape (n,), values in [0, n_classes).
        classes: names in index order.
        test_split: pictures in the test split, if these are only some of them.

    Raises:
        ValueError: the arrays differ in length.
    """
    if len(probabilities) != len(labels):
        raise ValueError(f"expected one row of probabilities per label, got {len(probabilities)} and {len(labels)}")
    answers = probabilities.argmax(axis=1)
    counts = confusion_of(labels, answers, len(classes))
    matrix = np.array(counts)
    scores = tuple(_class_score(name, index, matrix) for index, name in enumerate(classes))
    return Evaluation(
        pictures=len(labels),
        test_split=test_split or len(labels),
        loss=_loss(probabilities, labels),
        accuracy=_accuracy(probabilities, labels),
        top_3_accuracy=_top_accuracy(probabilities, labels) if len(classes) >= FEWEST_CLASSES_FOR_TOP else None,
        classes=classes,
        per_class=scores,
        macro_average=_average(scores, [int(score.f1 is not None) for score in scores]),
        weighted_average=_average(scores, [score.support for score in scores]),
        confusion_matrix=counts,
        calibration=calibrate(probabilities.max(axis=1), answers == labels),
    )


def evaluate_views(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], views: TestTimeAugmentation
) -> ViewsScore:
    """Evaluate answers that are averaged over views.

    Args:
        probabilities: float32, shape (n, n_classes), rows sum to 1, n at least 1.
        labels: int64, shape (n,), values in [0, n_classes).
        views: over which they are averaged.
    """
    return ViewsScore(views=views, loss=_loss(probabilities, labels), accuracy=_accuracy(probabilities, labels))


def _loss(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(likelihood, EPSILON, 1 - EPSILON)).mean())


def _accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float((probabilities.argmax(axis=1) == labels).mean())


def _class_score(name: str, index: int, matrix: NDArray[np.int64]) -> ClassScore:
    hits, truly, called = int(matrix[index, index]), int(matrix[index].sum()), int(matrix[:, index].sum())
    return ClassScore(
        label=name,
        support=truly,
        precision=hits / called if called else None,
        recall=hits / truly if truly else None,
        f1=2 * hits / (truly + called) if truly + called else None,
    )


def _average(scores: tuple[ClassScore, ...], weights: list[int]) -> AverageScore:
    """The weighted mean of every score; at least one weight is not 0, since the split has pictures."""

    def mean(values: list[float | None]) -> float:
        return float(np.average([value or 0.0 for value in values], weights=weights))

    return AverageScore(
        precision=mean([score.precision for score in scores]),
        recall=mean([score.recall for score in scores]),
        f1=mean([score.f1 for score in scores]),
    )


def _top_accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Share of pictures whose class is among the `TOP` most probable; for ties the lower index wins, as in `argmax`."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    return float((best == labels[:, np.newaxis]).any(axis=1).mean())
