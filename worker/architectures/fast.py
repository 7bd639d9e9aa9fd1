"""The layers of `fast` and `fast-large`, our own networks for small pictures on a processor without a GPU: data only.

Every choice saves arithmetic or memory traffic, which is what a step costs there. Pooling comes before normalization
and activation, which then touch a quarter of the values. The networks keep the pictures' own size: `same` everywhere
and a mean over the last map let them take any.

`fast` wants a good accuracy in seconds: its first convolution has stride 2, so nothing is ever computed at full size,
and no normalization behind it: there it cost a tenth of a step and gained nothing. `fast-large` wants a high one in
minutes: it looks at every pixel, has more filters, and a second convolution in every block, around which a shortcut
leads.
"""

from typing import Any

from worker.architectures.imagenet import OUTPUT, Layers

SAME = {"padding": "same"}
STEM_FILTERS = 16
BLOCK_FILTERS = (32, 96, 192)  # the later a block, the smaller its maps, and the cheaper a filter
LARGE_STEM_FILTERS = 32
LARGE_BLOCK_FILTERS = (64, 192, 256)
# Keras's default of 0.99 averages over hundreds of steps, more than a training of two epochs has to spare.
BATCH_NORMALIZATION: dict[str, Any] = {"type": "batch_normalization", "momentum": 0.9}
RELU: dict[str, Any] = {"type": "activation", "activation": "relu"}
POOLING: dict[str, Any] = {"type": "max_pooling2d", **SAME}
HEAD: Layers = [{"type": "global_average_pooling2d"}, OUTPUT]


def fast() -> Layers:
    """A 2x2 convolution that halves the picture, and three blocks that halve it again."""
    return [
        {"type": "conv2d", "filters": STEM_FILTERS, "kernel_size": 2, "strides": 2, **SAME, "activation": "relu"},
        *(layer for filters in BLOCK_FILTERS for layer in _halving_block(filters)),
        *HEAD,
    ]


def fast_large() -> Layers:
    """A 2x2 convolution, and three blocks that halve the picture and then refine what they found."""
    return [
        {"type": "conv2d", "filters": LARGE_STEM_FILTERS, "kernel_size": 2, **SAME, "activation": "relu"},
        *(
            layer
            for filters in LARGE_BLOCK_FILTERS
            for layer in (*_halving_block(filters), {"type": "residual", "layers": _normalized(filters)})
        ),
        *HEAD,
    ]


def _halving_block(filters: int) -> Layers:
    return [_convolution(filters), POOLING, BATCH_NORMALIZATION, RELU]


def _normalized(filters: int) -> Layers:
    return [_convolution(filters), BATCH_NORMALIZATION, RELU]


def _convolution(filters: int) -> dict[str, Any]:
    return {"type": "conv2d", "filters": filters, "kernel_size": 3, **SAME, "use_bias": False}
