import pytest

from worker.jobs.records import History
from worker.recipe.options import EarlyStopping

VAL_LOSS = (0.9, 0.5, 0.6, 0.45, 0.7)
VAL_ACCURACY = (0.5, 0.8, 0.9, 0.85, 0.9)


def history(stopping: EarlyStopping | None = None) -> History:
    made = History()
    for loss, accuracy in zip(VAL_LOSS, VAL_ACCURACY, strict=True):
        made = made.with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": loss, "val_accuracy": accuracy}, stopping)
    return made


def test_the_epoch_with_the_lowest_validation_loss_is_the_best() -> None:
    assert history().best_epoch == 4
    assert history().val_loss == VAL_LOSS


@pytest.mark.parametrize(
    ("stopping", "best"),
    [
        (EarlyStopping(), 4),
        (EarlyStopping(min_delta=0.1), 2),
        (EarlyStopping(monitor="val_accuracy"), 3),
        (EarlyStopping(monitor="val_accuracy", min_delta=0.2), 2),
    ],
)
def test_early_stopping_says_what_makes_an_epoch_better(stopping: EarlyStopping, best: int) -> None:
    assert history(stopping).best_epoch == best


def test_the_first_epoch_is_the_best_until_there_is_a_better_one() -> None:
    assert History().best_epoch is None
    assert History().with_epoch({"val_loss": 3.0}).best_epoch == 1
    assert History().with_epoch({"val_loss": 3.0}).with_epoch({"val_loss": 3.0}).best_epoch == 1
