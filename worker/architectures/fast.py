"""The layers of `fast`, our own network for small pictures on a processor without a GPU: data only.

Every choice saves arithmetic or memory traffic, which is what a step costs there. The first convolution has stride 2,
so nothing is ever computed at full size, and no normalization behind it: there it cost a tenth of a step and gained
nothing. Pooling comes before normalization and activation, which then touch a quarter of the values. The network keeps
the pictures' own size: `same` everywhere and a mean over the last map let it take any.
"""

from typing import Any

Layers = list[dict[str, Any]]

SAME = {"padding": "same"}
STEM_FILTERS = 16
BLOCK_FILTERS = (32, 96, 192)  # the later a block, the smaller its maps, and the cheaper a filter
# Keras's default of 0.99 averages over hundreds of steps, more than a training of two epochs has to spare.
BATCH_NORMALIZATION: dict[str, Any] = {"type": "batch_normalization", "momentum": 0.9}
OUTPUT: dict[str, Any] = {"type": "dense", "units": "classes", "activation": "softmax"}


def fast() -> Layers:
    """A 2x2 convolution that halves the picture, and three blocks that halve it again."""
    return [
        {"type": "conv2d", "filters": STEM_FILTERS, "kernel_size": 2, "strides": 2, **SAME, "activation": "relu"},
        *(layer for filters in BLOCK_FILTERS for layer in _block(filters)),
        {"type": "global_average_pooling2d"},
        OUTPUT,
    ]


def _block(filters: int) -> Layers:
    return [
        {"type": "conv2d", "filters": filters, "kernel_size": 3, **SAME, "use_bias": False},
        {"type": "max_pooling2d", **SAME},
        BATCH_NORMALIZATION,
        {"type": "activation", "activation": "relu"},
    ]
