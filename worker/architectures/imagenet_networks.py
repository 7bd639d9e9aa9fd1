"""The layers of three classic ImageNet networks, as in the tables of their papers: data only.

All three draw their weights as He et al. proposed for ReLU (2015), not as in their papers: with a normal distribution
of fixed width the signal fades from layer to layer, and VGG's authors had to train a shallower network first. The
number of parameters is the same.
"""

from collections.abc import Sequence
from typing import Any

Layers = list[dict[str, Any]]

HE = {"kernel_initializer": "he_normal"}
OUTPUT: dict[str, Any] = {"type": "dense", "units": "classes", "activation": "softmax"}
FLATTEN: dict[str, Any] = {"type": "flatten"}


def _conv(filters: int, kernel_size: int, *, strides: int = 1, padding: str = "same") -> dict[str, Any]:
    convolution = {"type": "conv2d", "filters": filters, "kernel_size": kernel_size, "activation": "relu", **HE}
    return convolution | {"strides": strides, "padding": padding}


def _pool(pool_size: int, strides: int, padding: str = "valid") -> dict[str, Any]:
    return {"type": "max_pooling2d", "pool_size": pool_size, "strides": strides, "padding": padding}


def _dense_with_dropout(units: int) -> Layers:
    return [{"type": "dense", "units": units, "activation": "relu", **HE}, {"type": "dropout", "rate": 0.5}]


def alexnet() -> Layers:
    """Section 3.5 of the paper, in one tower and without local response normalization."""
    return [
        _conv(96, 11, strides=4, padding="valid"),
        _pool(3, 2),
        _conv(256, 5),
        _pool(3, 2),
        _conv(384, 3),
        _conv(384, 3),
        _conv(256, 3),
        _pool(3, 2),
        FLATTEN,
        *_dense_with_dropout(4096),
        *_dense_with_dropout(4096),
        OUTPUT,
    ]


def vgg16() -> Layers:
    """Configuration D of the paper's table 1: five blocks of 3x3 convolutions, each followed by pooling."""
    blocks: Sequence[tuple[int, int]] = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    features = [layer for filters, n in blocks for layer in [*[_conv(filters, 3)] * n, _pool(2, 2)]]
    return [*features, FLATTEN, *_dense_with_dropout(4096), *_dense_with_dropout(4096), OUTPUT]


def googlenet() -> Layers:
    """The paper's table 1, without local response normalization and without the two auxiliary classifiers."""
    return [
        _conv(64, 7, strides=2),
        _pool(3, 2, "same"),
        _conv(64, 1),
        _conv(192, 3),
        _pool(3, 2, "same"),
        _inception(64, (96, 128), (16, 32), 32),
        _inception(128, (128, 192), (32, 96), 64),
        _pool(3, 2, "same"),
        _inception(192, (96, 208), (16, 48), 64),
        _inception(160, (112, 224), (24, 64), 64),
        _inception(128, (128, 256), (24, 64), 64),
        _inception(112, (144, 288), (32, 64), 64),
        _inception(256, (160, 320), (32, 128), 128),
        _pool(3, 2, "same"),
        _inception(256, (160, 320), (32, 128), 128),
        _inception(384, (192, 384), (48, 128), 128),
        {"type": "global_average_pooling2d"},
        {"type": "dropout", "rate": 0.4},
        OUTPUT,
    ]


def _inception(one: int, three: tuple[int, int], five: tuple[int, int], pooled: int) -> dict[str, Any]:
    """An inception module.

    Args:
        one: filters of the 1x1 branch.
        three: filters of the reduction and of the convolution in the 3x3 branch.
        five: likewise in the 5x5 branch.
        pooled: filters of the convolution after the pooling.
    """
    return {
        "type": "branches",
        "branches": [
            [_conv(one, 1)],
            [_conv(three[0], 1), _conv(three[1], 3)],
            [_conv(five[0], 1), _conv(five[1], 5)],
            [_pool(3, 1, "same"), _conv(pooled, 1)],
        ],
    }
