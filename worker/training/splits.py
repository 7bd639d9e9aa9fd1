"""Which pictures a run trains on, and which it is validated with: the lesson's recipe, made repeatable by a seed.

Pixels become float32 in [0, 1] and labels one-hot rows here, once, before training. Knows arrays only, no Keras.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.datasets import Dataset
from worker.pixels import to_unit_range
from worker.requests import JobRequest


@dataclass(frozen=True)
class Split:
    """Pictures and targets that Keras can be fed with.

    Attributes:
        inputs: float32, shape (n, height, width, channels), values in [0, 1].
        targets: float32, shape (n, n_classes), one-hot.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.inputs)


def training_splits(dataset: Dataset, request: JobRequest) -> tuple[Split, Split]:
    """The training and the validation split of one run.

    The training pictures are shuffled by the seed and cut to `train_samples`; a share held out for validation comes
    from the end of what is left, so the two never overlap. With all pictures and `"validation": "test"` their order
    is left as it is in the official files, as in the lesson: Keras shuffles every epoch anyway.
    """
    n_train = request.train_samples or len(dataset.train_images)
    n_classes = len(dataset.info.classes)
    if request.validation == "test":
        validation = _split(dataset.test_images, dataset.test_labels, n_classes)
        if n_train == len(dataset.train_images):
            return _split(dataset.train_images, dataset.train_labels, n_classes), validation
        chosen = _shuffled(len(dataset.train_images), request.seed)[:n_train]
        return _split(dataset.train_images[chosen], dataset.train_labels[chosen], n_classes), validation
    chosen = _shuffled(len(dataset.train_images), request.seed)[:n_train]
    n_held_out = round(n_train * request.validation)
    kept, held_out = chosen[:-n_held_out], chosen[-n_held_out:]
    return (
        _split(dataset.train_images[kept], dataset.train_labels[kept], n_classes),
        _split(dataset.train_images[held_out], dataset.train_labels[held_out], n_classes),
    )


def test_split(dataset: Dataset) -> Split:
    """The official test split, whole."""
    return _split(dataset.test_images, dataset.test_labels, len(dataset.info.classes))


def _shuffled(n: int, seed: int | None) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(n)


def _split(images: NDArray[np.uint8], labels: NDArray[np.int64], n_classes: int) -> Split:
    return Split(to_unit_range(images), np.eye(n_classes, dtype=np.float32)[labels])
