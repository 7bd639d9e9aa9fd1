"""Our own networks learn few real pictures by their own recipes, in the small batches that a job takes for itself."""

import pytest

from tests.learning.trainings import trained
from tests.plans import planned

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    ("architecture", "epochs", "train_samples", "least"),
    [
        # Five trainings with different seeds ended between 0.705 and 0.746; `test_fast_preset.py` trains so over HTTP.
        pytest.param("fast", None, 200, 0.6, marks=pytest.mark.long),
        pytest.param("fast-large", 3, 1000, 0.65, marks=pytest.mark.long),  # between 0.749 and 0.779
    ],
)
def test_few_pictures_are_learnt(architecture: str, epochs: int | None, train_samples: int, least: float) -> None:
    body = {"architecture": architecture, "optimizer": None, "batch_size": None, "validation": "test"}
    _, fit = trained(planned(**body, epochs=epochs, train_samples=train_samples))
    accuracies = fit.history.val_accuracy
    assert accuracies[-1] > least, accuracies
