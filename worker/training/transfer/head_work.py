"""Computes what a head is trained on: the features of the training and the validation pictures."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from worker.datasets import Dataset
from worker.datasets.dataset import LabelledImages
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History, Progress
from worker.reports.doubtful_labels import DoubtfulLabels, find_doubtful_labels
from worker.supervision.messages import Order
from worker.training.augmentation import Augmenter, mean_colour
from worker.training.hardware import policy_of
from worker.training.splits import Split, chosen_rows, tested_pictures, validation_pictures
from worker.training.targets import label_weights, training_targets
from worker.training.transfer.feature_cache import FOLDER, FeatureCache
from worker.training.transfer.feature_data import FeatureData
from worker.training.transfer.feature_progress import FeatureProgress
from worker.training.transfer.features import FeatureMaker, Wanted
from worker.training.transfer.leave_one_out import leave_one_out
from worker.training.transfer.parts import Parts
from worker.training.transfer.weights import identity_of_weights

logger = logging.getLogger(__name__)

AUGMENTED_COPIES = 3
"""Of each picture, beside the picture itself, when a plan augments. Each takes as long as the picture."""


class Link(Protocol):
    """Receives reports, and can ask for a pause."""

    def progress(self, progress: Progress, history: History | None = None) -> None:
        """Report the job's progress."""

    def is_pause_asked(self) -> bool:
        """Whether the training must save its state and end."""

    def is_finish_asked(self) -> bool:
        """Whether the training must end now, to be published."""


@dataclass(frozen=True)
class HeadWork:
    """What a head is trained and validated on.

    Attributes:
        data: features of the training pictures.
        validation: features of the validation pictures.
        seconds: wall time that they took.
        cpu_seconds: processor time that they took, over all cores.
        doubtful: pictures of the training split whose label is perhaps wrong.
    """

    data: FeatureData
    validation: Split
    seconds: float
    cpu_seconds: float
    doubtful: DoubtfulLabels


@dataclass(frozen=True)
class _Validated:
    """Pictures for validation: some rows of a split."""

    split: str
    pictures: LabelledImages
    rows: NDArray[np.int64]


def head_work(parts: Parts, order: Order, dataset: Dataset, link: Link) -> HeadWork:
    """The features of the training and the validation pictures, from the cache where it has them.

    Raises:
        DatasetUnavailable: the plan validates with a split that the dataset no longer has.
        TrainingPaused: it was asked to stop, and has kept what was computed.
    """
    plan = order.plan
    began, cpu_began = time.monotonic(), time.process_time()
    rows, held_out = chosen_rows(len(dataset.train_images), plan)
    validated = _validated(dataset, plan, held_out)
    augmenter = Augmenter(plan.augmentation, mean_colour(dataset.train_images)) if plan.augmentation.is_on else None
    n_copies = 1 + (AUGMENTED_COPIES if augmenter else 0)
    report = FeatureProgress(plan.epochs, n_copies * len(rows) + len(validated.rows), link.progress)
    maker = FeatureMaker(parts.backbone, _cache(order), _facts(order, dataset), report.add, link.is_pause_asked)
    plain = Wanted(dataset.train_images, rows, {"split": "train"})
    copies = [maker.features(plain)]
    for copy in range(1, n_copies):
        facts = {"split": "train", "augmentation": plan.augmentation.model_dump(), "seed": plan.seed, "copy": copy}
        copies.append(maker.features(Wanted(plain.images, rows, facts, augmenter, plan.seed + copy)))
    validation = maker.features(Wanted(validated.pictures.images, validated.rows, {"split": validated.split}))
    logger.info("features of %d pictures took %.1f s", report.total, time.monotonic() - began)
    n_classes = len(dataset.info.classes)
    labels = dataset.train_labels[rows]
    data = FeatureData(
        np.stack(copies),
        labels,
        training_targets(n_classes, plan.label_smoothing),
        label_weights(plan.class_weights, dataset.info.classes, labels),
        batch_size=plan.batch_size,
        seed=plan.seed,
    )
    targets = np.eye(n_classes, dtype=np.float32)[validated.pictures.labels[validated.rows]]
    judged, judged_rows = copies[0], rows
    if validated.split == "train":
        judged, judged_rows = np.concatenate([judged, validation]), np.concatenate([rows, held_out])
    doubtful = _doubtful(judged, dataset.train_labels[judged_rows], judged_rows, dataset.info.classes)
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
    return HeadWork(data, Split(validation, targets), seconds, cpu_seconds, doubtful)


def _doubtful(
    features: NDArray[np.float32], labels: NDArray[np.int64], rows: NDArray[np.int64], classes: tuple[str, ...]
) -> DoubtfulLabels:
    found = find_doubtful_labels(leave_one_out(features, labels, len(classes)), labels, rows, classes)
    logger.info("%d of %d training pictures look more like another class", found.total, found.pictures)
    return found


def _validated(dataset: Dataset, plan: TrainingPlan, held_out: NDArray[np.int64]) -> _Validated:
    if isinstance(plan.validation, float):
        return _Validated("train", LabelledImages(dataset.train_images, dataset.train_labels), held_out)
    if plan.validation == "validation":
        pictures = validation_pictures(dataset)
        return _Validated("validation", pictures, np.arange(len(pictures.labels)))
    whole = LabelledImages(dataset.test_images, dataset.test_labels)
    return _Validated("test", whole, tested_pictures(dataset, plan.test_samples).rows)


def _cache(order: Order) -> FeatureCache:
    return FeatureCache(Path(order.datasets_dir) / FOLDER, order.min_free_bytes)


def _facts(order: Order, dataset: Dataset) -> dict[str, object]:
    """What all features of this training depend on."""
    return {
        "dataset": dataset.fingerprint,
        "network": order.plan.network.model_dump(mode="json", exclude_defaults=True),
        "weights": identity_of_weights(order),
        "policy": policy_of(order.plan.precision),
        "keras": keras.__version__,
    }
