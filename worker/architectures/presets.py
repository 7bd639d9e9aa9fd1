"""The networks that come with the product: each one data in the grammar, with its source and its recipe.

A preset resizes pictures to its classic input inside the network, so every preset trains on every dataset.
Adding one is adding an entry to the list at the end; nothing else here or elsewhere knows their names.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from worker.architectures.description import Architecture
from worker.architectures.errors import ArchitectureNotFound

LENET_PAPER = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition, "
    "Proceedings of the IEEE 86 (11), 1998"
)
OUTPUT: dict[str, Any] = {"type": "dense", "units": "classes", "activation": "softmax"}


class Recipe(BaseModel):
    """How a network is trained when a job does not say otherwise."""

    model_config = ConfigDict(frozen=True)

    optimizer: str = Field(description="Keras's name of the optimizer.")
    learning_rate: float | None = Field(default=None, gt=0, description="Default: Keras's own for the optimizer.")
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)


class Preset(BaseModel):
    """A named network with its source, its recipe and the input it was designed for."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    year: int | None = Field(description="Of the publication; null for the lesson's own networks.")
    source: str
    architecture: Architecture
    recipe: Recipe
    image_shape: tuple[int, int, int] = Field(description="Classic input: height, width, channels.")


def get_preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        ArchitectureNotFound: there is none.
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
) -> Preset:
    architecture = Architecture.model_validate({"input_size": image_shape[:2], "layers": layers})
    return Preset(
        name=name,
        title=title,
        year=year,
        source=source,
        architecture=architecture,
        recipe=recipe,
        image_shape=image_shape,
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
    recipe=Recipe(optimizer="adam", batch_size=32, epochs=10),
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
    recipe=Recipe(optimizer="adam", batch_size=32, epochs=10),
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
    # The paper gives every weight its own step size from second derivatives. Adam's per-weight steps are the nearest
    # that Keras has, with no schedule to tune; batch and epochs are those of the lesson's other LeNet.
    recipe=Recipe(optimizer="adam", batch_size=128, epochs=10),
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
    recipe=Recipe(optimizer="sgd", learning_rate=0.01, batch_size=128, epochs=10),
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {preset.name: preset for preset in (_CNN, _CNN_WIDE, _LENET5, _LENET5_FASHION)}
)
"""Every preset by name, in the order they are listed to a reader."""
