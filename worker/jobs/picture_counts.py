"""How many pictures a training uses, for what, and how many at a time."""

from worker.architectures import Recipe
from worker.datasets import DatasetInfo
from worker.jobs.request import FEWEST_STEPS, SMALLEST_BATCH, JobRequest, RequestInvalid, Validation

DEFAULT_SHARE = 0.1
"""Of the training pictures, for validation."""


def batch_size_for(recipe: Recipe, train_samples: int) -> int:
    """The recipe's; of few pictures a smaller power of two, so that an epoch has enough steps to learn from."""
    most = max(SMALLEST_BATCH, train_samples // FEWEST_STEPS)
    return min(recipe.batch_size, 1 << (most.bit_length() - 1))


def validation_of(request: JobRequest, info: DatasetInfo) -> Validation:
    """The request's own; otherwise the dataset's validation split, or a share of its training pictures."""
    if request.validation is None:
        return "validation" if info.n_validation else DEFAULT_SHARE
    if request.validation == "validation" and not info.n_validation:
        raise RequestInvalid(
            ("validation",), f"{info.name} has no validation split; expected `test`, or a share such as {DEFAULT_SHARE}"
        )
    return request.validation


def held_out_of(validation: object, train_samples: int) -> int:
    """Training pictures that a share for validation takes; 0 when another split validates."""
    return round(train_samples * validation) if isinstance(validation, float) else 0


def test_samples_of(request: JobRequest, info: DatasetInfo) -> int | None:
    """Pictures to test on; None for the whole test split."""
    wanted = request.test_samples
    if wanted is not None and wanted > info.n_test:
        raise RequestInvalid(
            ("test_samples",),
            f"more pictures than {info.name} has for testing; expected at most {info.n_test}, got {wanted}",
        )
    return None if wanted == info.n_test else wanted


def train_samples_of(request: JobRequest, info: DatasetInfo, validation: Validation) -> int:
    """Pictures to train and validate with, checked to leave at least one for each."""
    wanted = request.train_samples or info.n_train
    if wanted > info.n_train:
        raise RequestInvalid(
            ("train_samples",),
            f"more pictures than {info.name} has for training; expected at most {info.n_train}, got {wanted}",
        )
    if isinstance(validation, float) and not 1 <= held_out_of(validation, wanted) < wanted:
        raise RequestInvalid(
            ("validation",),
            f"the share leaves no picture to train on or to validate with; got {validation} of {wanted}",
        )
    return wanted
