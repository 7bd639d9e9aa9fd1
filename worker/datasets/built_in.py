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
CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee",
    "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant",
    "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower",
    "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate",
    "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark",
    "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
    "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train", "trout", "tulip",
    "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip
"""The fine labels, in the order of their numbers."""
FASHION_LICENCE = "MIT, Copyright (c) 2017 Zalando SE"


class DatasetInfo(BaseModel, defer_build=True):
    """What is known about a dataset without reading it."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int | None = Field(default=None, description="Version of an uploaded dataset; null for built-in ones.")
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
        name="cifar100",
        title="CIFAR-100: small colour photographs of a hundred kinds of things",
        classes=CIFAR100_CLASSES,
        image_shape=(32, 32, 3),
        train_per_class=(500,) * 100,
        test_per_class=(100,) * 100,
        licence="none stated by its publishers",
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        mean=(0.507075, 0.486549, 0.440918),
        deviation=(0.267334, 0.256438, 0.27615),
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
    DatasetInfo(
        name="mnist",
        title="MNIST: grey pictures of handwritten digits",
        classes=tuple("0123456789"),
        image_shape=(28, 28, 1),
        train_per_class=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        test_per_class=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        licence="none stated by its publishers",
        source="http://yann.lecun.com/exdb/mnist/",
        mean=(0.13066,),
        deviation=(0.308108,),
    ),
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in _ALL})
