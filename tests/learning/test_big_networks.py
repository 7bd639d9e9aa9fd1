"""The networks of ImageNet learn from pictures of any shape; at a small input, to be done in seconds.

At their native sizes they are trained, published and compared by `benchmarks.big_networks`.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.datasets import Dataset
from worker.datasets.dataset import LabelledImages, assemble
from worker.training import splits
from worker.training.export import export_onnx, parity

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def pictures_of(image_shape: tuple[int, int, int]) -> Dataset:
    """Every class has a brightness of its own."""
    random = np.random.default_rng(1)

    def drawn(n: int) -> LabelledImages:
        labels = np.arange(n) % 10
        noise = random.integers(0, 20, (n, *image_shape))
        return LabelledImages((noise + 22 * labels[:, None, None, None]).astype(np.uint8), labels)

    return assemble(SAMPLE.info.model_copy(update={"image_shape": image_shape}), drawn(40), drawn(10))


@pytest.mark.parametrize(
    ("name", "input_size", "image_shape"),
    [
        ("alexnet", 67, (40, 24, 3)),
        pytest.param("vgg16", 32, (28, 28, 1), marks=pytest.mark.long),
        # `test_overrides_job.py` trains one through HTTP.
        pytest.param("googlenet", 32, (32, 32, 3), marks=pytest.mark.long),
    ],
)
def test_it_trains_and_its_export_agrees(
    name: str, input_size: int, image_shape: tuple[int, int, int], tmp_path: Path
) -> None:
    dataset = pictures_of(image_shape)
    plan = planned(
        architecture=name,
        overrides={"input_size": input_size},
        optimizer=None,
        batch_size=20,
        epochs=1,
        train_samples=40,
        validation="test",
    )
    network, fit = trained(plan, dataset)
    test = splits.test_split(dataset)
    export_onnx(network, tmp_path / "model.onnx")
    probabilities = np.asarray(network(test.inputs, training=False))
    assert parity(tmp_path / "model.onnx", test.inputs, probabilities) < 1e-4
    assert np.isfinite(fit.history.loss).all()
