"""The pictures that a network was not trained on, which is not a matter of its own job alone.

A job that starts from a published version continues its training: what that version was trained on counts too.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from model_store import Manifest, ModelStore, StoreError
from worker.datasets import Dataset
from worker.datasets.dataset import LabelledImages
from worker.jobs.lineage import numbered_version
from worker.jobs.plan import TrainingPlan
from worker.training.splits import chosen_rows, validation_pictures

MOST_PICTURES = 10_000
"""With so many, a coverage of 95 % is met to 0.2 % (one standard deviation)."""
MOST_OF_BACKBONE = 1000
"""Of a network whose backbone was learned elsewhere: a picture takes it 20 ms and more of a core."""
MOST_ANCESTORS = 100
_SAME_SPLIT = ("seed", "train_samples", "validation")
"""Two jobs that agree on these hold out the same pictures of a dataset."""


def reason_against(plan: TrainingPlan, dataset: Dataset, store: ModelStore) -> str | None:
    """Why there are no pictures to measure trust on; None when the validation pictures will do."""
    if plan.validation == "test":
        return "it validates with the test split, which judges it"
    if plan.validation == "validation":
        return None  # no job trains on a dataset's own validation split
    reference, seen = plan.initial_model, 0
    while reference is not None and seen < MOST_ANCESTORS:
        manifest = _manifest(reference, store)
        if manifest is None:
            return f"it continues from {reference}, whose training pictures are not known any more"
        if manifest.dataset_fingerprint == dataset.fingerprint and not _holds_out_the_same(manifest, plan):
            return f"it continues from {reference}, which was trained on its validation pictures"
        earlier = manifest.recipe.get("initial_model")
        reference, seen = (earlier if isinstance(earlier, str) else None), seen + 1
    return None


def held_out_pictures(dataset: Dataset, plan: TrainingPlan) -> LabelledImages:
    """Some validation pictures of a run that validates with a split or a share, drawn at random.

    Raises:
        DatasetUnavailable: the dataset no longer has the split that the plan validates with.
    """
    if plan.validation == "validation":
        source = validation_pictures(dataset)
        rows = np.arange(len(source.labels))
    else:
        source = LabelledImages(dataset.train_images, dataset.train_labels)
        _, rows = chosen_rows(len(source.labels), plan)
    most = MOST_OF_BACKBONE if plan.train == "head" else MOST_PICTURES
    drawn = drawn_rows(rows, most, plan)
    return LabelledImages(source.images[drawn], source.labels[drawn])


def drawn_rows(rows: NDArray[np.int64], most: int, plan: TrainingPlan) -> NDArray[np.int64]:
    """At most so many of these rows, drawn with the plan's seed, in rising order."""
    return np.sort(np.random.default_rng(plan.seed).permutation(rows)[:most])


def _manifest(reference: str, store: ModelStore) -> Manifest | None:
    try:
        return store.manifest(*numbered_version(reference))
    except (StoreError, ValueError):  # a version that was imported may name what it likes
        return None


def _holds_out_the_same(manifest: Manifest, plan: TrainingPlan) -> bool:
    own: dict[str, JsonValue] = plan.model_dump(mode="json", include=set(_SAME_SPLIT))
    return all(manifest.recipe.get(name) == own[name] for name in _SAME_SPLIT)
