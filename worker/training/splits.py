"""Chooses a run's training and validation pictures as in the lesson, repeatable by a seed.

Training pictures stay uint8 until a batch needs them (`worker.training.feeding`); validation pictures are converted
once. Works on arrays, without Keras.
"""

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from worker.datasets import Dataset, DatasetUnavailable
from worker.datasets.chosen_images import ChosenImages
from worker.datasets.dataset import LabelledImages
from worker.jobs.picture_counts import held_out_of
from worker.jobs.plan import TrainingPlan
from worker.pictures.pixels import to_unit_range

TEST_SEED = 0
"""Draws the pictures to test on. A seed of the job would test every job on pictures of its own."""
AT_ONCE = 256
"""Pictures that are converted at once: no copy of all of them is made as they are."""


class Split:
    """Pictures and targets for evaluating a network with Keras.

    Attributes:
        inputs: float32, shape (n, height, width, channels), values in [0, 1].
        targets: float32, shape (n, n_classes), one-hot.
        reserved: `inputs`, whose values are perhaps not there before `complete`.
    """

    def __init__(self, inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
        self.reserved = inputs
        self.targets = targets

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The pictures."""
        self.complete()
        return self.reserved

    def complete(self) -> None:
        """Put the values into `reserved`; any thread may call it."""

    def some(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The pictures in these places."""
        return self.reserved[rows]

    def __len__(self) -> int:
        return len(self.targets)


class UnreadSplit(Split):
    """A split whose pictures are read and converted when they are needed: after the first epoch, in a training.

    Of `cifar10` they take 61 MB, and took 25 to 200 ms of a job's start.

    Args:
        pictures: uint8 pictures and their labels.
        n_classes: number of classes.
    """

    def __init__(self, pictures: LabelledImages, n_classes: int) -> None:
        super().__init__(
            np.empty(pictures.images.shape, np.float32), np.eye(n_classes, dtype=np.float32)[pictures.labels]
        )
        self._images = pictures.images
        self._lock = Lock()
        self._is_complete = False

    def complete(self) -> None:
        """Convert the pictures, unless this was done before."""
        with self._lock:
            if not self._is_complete:
                for start in range(0, len(self), AT_ONCE):
                    rows = slice(start, start + AT_ONCE)
                    self.reserved[rows] = to_unit_range(self._images[rows])
                self._is_complete = True

    def some(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The pictures in these places; only they are converted."""
        return to_unit_range(self._images[rows])


def training_splits(dataset: Dataset, plan: TrainingPlan) -> tuple[LabelledImages, Split]:
    """The training and the validation pictures of one run.

    The training pictures are shuffled with the seed and cut to `train_samples`. A share for validation is taken from
    their end, so the two never overlap.

    Raises:
        DatasetUnavailable: the plan validates with a split that the dataset no longer has.
    """
    rows, held_out = chosen_rows(len(dataset.train_images), plan)
    if plan.validation == "test":
        pictures = tested_pictures(dataset, plan.test_samples).pictures
    elif plan.validation == "validation":
        pictures = validation_pictures(dataset)
    else:
        pictures = _rows(dataset, held_out)
    return _rows(dataset, rows), UnreadSplit(pictures, len(dataset.info.classes))


def chosen_rows(n_pictures: int, plan: TrainingPlan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the training split for training and for validation; the second are none when another split validates."""
    chosen = np.random.default_rng(plan.seed).permutation(n_pictures)[: plan.train_samples]
    n_training = len(chosen) - held_out_of(plan.validation, plan.train_samples)
    return chosen[:n_training], chosen[n_training:]


def validation_pictures(dataset: Dataset) -> LabelledImages:
    """The dataset's own validation split. Raises `DatasetUnavailable` when it has none."""
    if dataset.validation is None:
        raise DatasetUnavailable(
            dataset.info.name,
            "it had a validation split when the job was planned, and has none now",
            "Submit the job again.",
        )
    return dataset.validation


def test_split(dataset: Dataset) -> Split:
    """The complete official test split."""
    return _split(LabelledImages(dataset.test_images, dataset.test_labels), len(dataset.info.classes))


@dataclass(frozen=True)
class Tested:
    """The pictures of the test split that a network is tested on.

    Attributes:
        pictures: the pictures with their labels.
        rows: int64, shape (n,), their places in the test split, rising.
    """

    pictures: LabelledImages
    rows: NDArray[np.int64]


def tested_pictures(dataset: Dataset, samples: int | None) -> Tested:
    """The whole test split, or so many of its pictures, of which every class has its share.

    Which ones depends on nothing but the dataset and their number: networks that are tested on equally many pictures
    are tested on the same ones, so that they can be compared.

    Args:
        dataset: has the test split.
        samples: how many pictures, at most all; None for all.
    """
    whole = LabelledImages(dataset.test_images, dataset.test_labels)
    if samples is None:
        return Tested(whole, np.arange(len(whole.labels)))
    rows = _stratified(whole.labels, samples)
    return Tested(LabelledImages(whole.images[rows], whole.labels[rows]), rows)


def _stratified(labels: NDArray[np.int64], samples: int) -> NDArray[np.int64]:
    """Rows of so many labels, in rising order; the shares of the classes are those of all labels, rounded."""
    shares = samples * np.bincount(labels) / len(labels)
    counts = shares.astype(np.int64)
    missing = samples - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:missing]] += 1
    random = np.random.default_rng(TEST_SEED)
    of_classes = [random.permutation(np.flatnonzero(labels == label))[:count] for label, count in enumerate(counts)]
    return np.sort(np.concatenate(of_classes))


def _rows(dataset: Dataset, rows: NDArray[np.int64]) -> LabelledImages:
    if len(rows) == len(dataset.train_images):
        # All pictures: every epoch is shuffled anyway, so no copy is needed.
        return LabelledImages(dataset.train_images, dataset.train_labels)
    return LabelledImages(ChosenImages.of(dataset.train_images, rows), dataset.train_labels[rows])


def _split(pictures: LabelledImages, n_classes: int) -> Split:
    return Split(to_unit_range(pictures.images), np.eye(n_classes, dtype=np.float32)[pictures.labels])
