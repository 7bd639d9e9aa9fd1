"""The built-in datasets as data: names, classes, counts, origin and licence.

The files are described in `worker.datasets.official`. No picture is read here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

from worker.datasets.errors import DatasetNotFound

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
FASHION_LICENCE = "MIT, Copyright (c) 2017 Zalando SE"


class DatasetInfo(BaseModel):
    """What is known about a dataset without reading it."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    classes: tuple[str, ...] = Field(description="Labels in the order of their index.")
    image_shape: tuple[int, int, int] = Field(description="Height, width, channels.")
    train_per_class: tuple[int, ...] = Field(description="Training pictures of each class.")
    test_per_class: tuple[int, ...] = Field(description="Test pictures of each class.")
    validation_per_class: tuple[int, ...] | None = Field(
        default=None, description="Pictures of each class in the dataset's own validation split, if it has one."
    )
    licence: str
    source: str = Field(description="Where the publishers describe the dataset.")
    fingerprint: str | None = Field(
        default=None, description="SHA-256 over shapes, pixels and labels, if known in advance."
    )
    mean: tuple[float, ...] | None = Field(
        default=None, description="Mean of each channel over the training pictures, scaled to [0, 1]."
    )
    deviation: tuple[float, ...] | None = Field(
        default=None, description="Standard deviation of each channel, on the same scale."
    )

    @property
    def n_train(self) -> int:
        """Number of pictures in the training split."""
        return sum(self.train_per_class)

    @property
    def n_validation(self) -> int:
        """Pictures in the dataset's own validation split; 0 if it has none."""
        return sum(self.validation_per_class or ())

    @property
    def n_test(self) -> int:
        """Number of pictures in the test split."""
        return sum(self.test_per_class)


def dataset_info(name: str) -> DatasetInfo:
    """What is known about one dataset.

    Raises:
        DatasetNotFound: no dataset has this name.
    """
    try:
        return DATASETS[name]
    except KeyError:
        raise DatasetNotFound(name, DATASETS) from None


_ALL = (
    DatasetInfo(
        name="cifar10",
        title="CIFAR-10: small colour photographs of animals and vehicles",
        classes=CIFAR10_CLASSES,
        image_shape=(32, 32, 3),
        train_per_class=(5000,) * 10,
        test_per_class=(1000,) * 10,
        licence="none stated by its publishers",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        fingerprint="eab283c62496c9f3008b5c7c28afb56eb0778b06451c1a40310882a3050bfc8d",
        mean=(0.4914, 0.482158, 0.446531),
        deviation=(0.247032, 0.243485, 0.261588),
    ),
    DatasetInfo(
        name="fashion_mnist",
        title="Fashion-MNIST: grey pictures of clothing",
        classes=FASHION_CLASSES,
        image_shape=(28, 28, 1),
        train_per_class=(6000,) * 10,
        test_per_class=(1000,) * 10,
        licence=FASHION_LICENCE,
        source="https://github.com/zalandoresearch/fashion-mnist",
        fingerprint="a3f246a1cde61eb81c9c5374bf44c068c4f283ffdaf05a3c7c6178587fdfe43b",
        mean=(0.286041,),
        deviation=(0.353024,),
    ),
    DatasetInfo(
        name="fashion_mnist_sample",
        title="Fashion-MNIST, a balanced sample that comes with the program",
        classes=FASHION_CLASSES,
        image_shape=(28, 28, 1),
        train_per_class=(300,) * 10,
        test_per_class=(100,) * 10,
        licence=FASHION_LICENCE,
        source="https://github.com/zalandoresearch/fashion-mnist",
        fingerprint="9f8be3ecee2f6a134adaeb7a9b31fce123e40b6bbeb2e6f94003f832609e6f67",
        mean=(0.284207,),
        deviation=(0.351425,),
    ),
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in _ALL})
