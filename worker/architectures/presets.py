"""The networks that come with the product: each a description with its source and its recipe.

A preset resizes pictures to its classic input size inside the network, or accepts any size, so each trains on every
dataset. To add one, add an entry to the list at the end; no other module knows their names.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from worker.architectures.description import Architecture
from worker.architectures.efficient_networks import efficientnet_lite0
from worker.architectures.errors import ArchitectureNotFound
from worker.architectures.fast_networks import fast, fast_large
from worker.architectures.imagenet_networks import OUTPUT, alexnet, googlenet, vgg16
from worker.architectures.sources import (
    ALEXNET_PAPER,
    EFFICIENTNET_SOURCES,
    FAST_SOURCES,
    GOOGLENET_PAPER,
    LENET_PAPER,
    RESIDUAL_PAPER,
    VGG_PAPER,
)
from worker.recipe.options import Augmentation, Optimizer, Precision
from worker.recipe.schedules import Constant, Cosine, OneCycle, Schedule


class Recipe(BaseModel, defer_build=True):
    """How a network is trained unless a job says otherwise."""

    model_config = ConfigDict(frozen=True)

    optimizer: Optimizer
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    learning_rate_schedule: Schedule = Constant()
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    ema: float = Field(default=0.0, ge=0, lt=1)
    precision: Precision = "float32"


class Preset(BaseModel, defer_build=True):
    """A named network with its source, its recipe and the input it was designed for."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    year: int | None = Field(description="Of the publication; null for the lesson's own networks.")
    source: str
    architecture: Architecture
    recipe: Recipe
    image_shape: tuple[int, int, int] = Field(description="Classic input: height, width, channels.")
    weights: tuple[str, ...] = Field(default=(), description="Names of the pretrained weights that it has.")
    sizes: tuple[int, ...] = Field(
        default=(),
        description="Sides of the input that a training chooses from, in rising order; none: the classic one.",
    )


def get_preset(name: str) -> Preset:
    """The preset with this name.

    Raises:
        ArchitectureNotFound: no preset has this name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise ArchitectureNotFound(name, PRESETS) from None


def _preset(
    name: str,
    *,
    title: str,
    year: int | None,
    source: str,
    image_shape: tuple[int, int, int],
    layers: list[dict[str, Any]],
    recipe: Recipe,
    keeps_size: bool = False,
    weights: tuple[str, ...] = (),
    sizes: tuple[int, ...] = (),
) -> Preset:
    input_size = None if keeps_size else image_shape[:2]
    architecture = Architecture.model_validate({"input_size": input_size, "layers": layers})
    return Preset(
        name=name,
        title=title,
        year=year,
        source=source,
        architecture=architecture,
        recipe=recipe,
        image_shape=image_shape,
        weights=weights,
        sizes=sizes,
    )


def _small_steps(learning_rate: float, batch_size: int) -> Recipe:
    """For the three ImageNet networks.

    The papers trained them for weeks on a million pictures, with SGD whose rate was lowered by hand. A job here has
    minutes and thousands of pictures: Adam with a small rate learns from the first epoch on (see `imagenet_networks`
    for how the weights are drawn). Measured with 3,000 pictures of Fashion-MNIST, val_accuracy: VGG16 at 32x32 0.67
    after one epoch, AlexNet at 67x67 0.71 after two, GoogLeNet at 32x32 0.73 after five.
    """
    return Recipe(
        optimizer=Optimizer(name="adam", learning_rate=learning_rate),
        batch_size=batch_size,
        epochs=20,
        learning_rate_schedule=Cosine(warmup=0.05),
    )


def _muon(
    learning_rate: float, batch_size: int, epochs: int, label_smoothing: float, augmentation: Augmentation
) -> Recipe:
    """For our own networks: the highest rate at which they still train, soon lowered to almost zero.

    See `sources.FAST_SOURCES`.
    """
    return Recipe(
        optimizer=Optimizer(name="muon", learning_rate=learning_rate, momentum=0.6, nesterov=True, others_rate=0.02),
        batch_size=batch_size,
        epochs=epochs,
        learning_rate_schedule=OneCycle(shape="linear", peak_at=0.2, initial_fraction=0.2, final_fraction=0.001),
        augmentation=augmentation,
        label_smoothing=label_smoothing,
        precision="auto",
    )


_CNN = _preset(
    "cnn",
    title="Basic CNN",
    year=None,
    source="the lesson: the first network for CIFAR-10",
    image_shape=(32, 32, 3),
    layers=[
        {"type": "conv2d", "filters": 10, "kernel_size": 3, "activation": "relu"},
        {"type": "max_pooling2d"},
        {"type": "flatten"},
        {"type": "dense", "units": 100, "activation": "relu"},
        OUTPUT,
    ],
    recipe=Recipe(optimizer=Optimizer(name="adam"), batch_size=32, epochs=10),
)

_CNN_WIDE = _preset(
    "cnn-wide",
    title="Wide CNN",
    year=None,
    source="the lesson: the improved network for CIFAR-10",
    image_shape=(32, 32, 3),
    layers=[
        {"type": "conv2d", "filters": 8, "kernel_size": 3, "activation": "relu"},
        {"type": "max_pooling2d"},
        {"type": "conv2d", "filters": 512, "kernel_size": 3, "activation": "relu"},
        {"type": "max_pooling2d"},
        {"type": "conv2d", "filters": 256, "kernel_size": 3, "activation": "relu"},
        {"type": "flatten"},
        {"type": "dense", "units": 100, "activation": "relu"},
        OUTPUT,
    ],
    recipe=Recipe(optimizer=Optimizer(name="adam"), batch_size=32, epochs=10),
)

_LENET5 = _preset(
    "lenet5",
    title="LeNet-5",
    year=1998,
    source=f"{LENET_PAPER}; batch normalization after C1 and dropout before the output are the lesson's",
    image_shape=(32, 32, 1),
    layers=[
        {"type": "conv2d", "filters": 6, "kernel_size": 5, "activation": "tanh"},
        {"type": "batch_normalization"},
        {"type": "average_pooling2d"},
        {"type": "conv2d", "filters": 16, "kernel_size": 5, "activation": "tanh"},
        {"type": "average_pooling2d"},
        {"type": "conv2d", "filters": 120, "kernel_size": 5, "activation": "tanh"},
        {"type": "flatten"},
        {"type": "dense", "units": 84, "activation": "tanh"},
        {"type": "dropout", "rate": 0.2},
        OUTPUT,
    ],
    # The paper gives every weight its own step size from second derivatives. Adam's per-weight steps come closest among
    # Keras's optimizers and need no schedule. Batch size and epochs are those of the lesson's other LeNet.
    recipe=Recipe(optimizer=Optimizer(name="adam"), batch_size=128, epochs=10),
)

_LENET5_FASHION = _preset(
    "lenet5-fashion",
    title="LeNet-5 for Fashion-MNIST",
    year=1998,
    source=f"the lesson, after {LENET_PAPER}",
    image_shape=(28, 28, 1),
    layers=[
        {"type": "conv2d", "filters": 6, "kernel_size": 3, "padding": "same", "activation": "tanh"},
        {"type": "average_pooling2d"},
        {"type": "conv2d", "filters": 16, "kernel_size": 5, "activation": "tanh"},
        {"type": "average_pooling2d"},
        {"type": "conv2d", "filters": 120, "kernel_size": 5, "activation": "tanh"},
        {"type": "flatten"},
        {"type": "dense", "units": 84, "activation": "tanh"},
        OUTPUT,
    ],
    recipe=Recipe(optimizer=Optimizer(name="sgd", learning_rate=0.01), batch_size=128, epochs=10),
)

_ALEXNET = _preset(
    "alexnet",
    title="AlexNet",
    year=2012,
    source=f"{ALEXNET_PAPER}; in one tower, without local response normalization",
    image_shape=(227, 227, 3),
    layers=alexnet(),
    recipe=_small_steps(1e-4, batch_size=64),
)

_VGG16 = _preset(
    "vgg16",
    title="VGG16",
    year=2014,
    source=f"{VGG_PAPER}; configuration D",
    image_shape=(224, 224, 3),
    layers=vgg16(),
    recipe=_small_steps(1e-4, batch_size=32),
)

_GOOGLENET = _preset(
    "googlenet",
    title="GoogLeNet",
    year=2014,
    source=f"{GOOGLENET_PAPER}; without local response normalization and without the auxiliary classifiers",
    image_shape=(224, 224, 3),
    layers=googlenet(),
    recipe=_small_steps(3e-4, batch_size=64),
)

_FAST = _preset(
    "fast",
    title="Fast CNN",
    year=None,
    source=f"ours; ideas from {FAST_SOURCES}",
    image_shape=(32, 32, 3),
    layers=fast(),
    # Found by trials on cifar10 and fashion_mnist, 2 cores, 1 to 6 epochs.
    recipe=_muon(0.2, 256, 6, 0.1, Augmentation(horizontal_flip=True, alternate_flip=True, shift_pixels=1)),
    keeps_size=True,
)

_FAST_LARGE = _preset(
    "fast-large",
    title="Fast CNN, large",
    year=None,
    source=f"ours; ideas from {FAST_SOURCES}; {RESIDUAL_PAPER}",
    image_shape=(32, 32, 3),
    layers=fast_large(),
    # Found by trials on cifar10, 2 cores.
    recipe=_muon(0.12, 512, 6, 0.2, Augmentation(horizontal_flip=True, alternate_flip=True, shift_pixels=2)),
    keeps_size=True,
)

_EFFICIENTNET_LITE0 = _preset(
    "efficientnet-lite0",
    title="EfficientNet-Lite0",
    year=2020,
    source=EFFICIENTNET_SOURCES,
    image_shape=(224, 224, 3),
    layers=efficientnet_lite0(),
    recipe=_small_steps(1e-3, batch_size=32),
    weights=("imagenet",),
    sizes=(160, 224),
)

_LESSON = (_CNN, _CNN_WIDE, _LENET5, _LENET5_FASHION)
_IN_ORDER = (*_LESSON, _ALEXNET, _VGG16, _GOOGLENET, _FAST, _FAST_LARGE, _EFFICIENTNET_LITE0)
PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _IN_ORDER})
"""Every preset by name, in the order in which they are listed."""
