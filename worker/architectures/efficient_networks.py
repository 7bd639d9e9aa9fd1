"""The layers of EfficientNet-Lite0, a network for photographs that is small enough for a CPU: data only.

Every block but the first widens its input, filters each channel by itself, and narrows the result again without an
activation. The network expects pixels as `(pixel - 127) / 128`. Pretrained weights for exactly these layers are read by
`worker.pretrained`.
"""

from typing import Any

from worker.architectures.imagenet_networks import HE, OUTPUT, Layers

BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Stages: repeats, side of the kernel, stride of the first block, expansion of its input, filters of its output."""
STEM_FILTERS, FEATURES = 32, 1280
RESCALING: dict[str, Any] = {"type": "rescaling", "scale": 255 / 128, "offset": -127 / 128}
NORMALIZATION: dict[str, Any] = {"type": "batch_normalization"}
RELU6: dict[str, Any] = {"type": "activation", "activation": "relu6"}


def efficientnet_lite0() -> Layers:
    """A stem, sixteen blocks, and 1,280 features of the whole picture."""
    layers = [RESCALING, *_convolution(STEM_FILTERS, 3, strides=2), RELU6]
    channels = STEM_FILTERS
    for repeats, kernel_size, strides, expansion, filters in BLOCKS:
        layers += _block(channels, kernel_size, strides, expansion, filters)
        again = _block(filters, kernel_size, 1, expansion, filters)
        layers += [{"type": "residual", "layers": again} for _ in range(repeats - 1)]
        channels = filters
    features = [*_convolution(FEATURES, 1), RELU6, {"type": "global_average_pooling2d"}]
    return [*layers, *features, {"type": "dropout", "rate": 0.2}, OUTPUT]


def _block(channels: int, kernel_size: int, strides: int, expansion: int, filters: int) -> Layers:
    widened = [*_convolution(channels * expansion, 1), RELU6] if expansion > 1 else []
    depthwise = {"type": "depthwise_conv2d", "kernel_size": kernel_size, "strides": strides}
    filtered = [depthwise | {"padding": "same", "use_bias": False}, NORMALIZATION, RELU6]
    return [*widened, *filtered, *_convolution(filters, 1)]


def _convolution(filters: int, kernel_size: int, *, strides: int = 1) -> Layers:
    convolution = {"type": "conv2d", "filters": filters, "kernel_size": kernel_size, "strides": strides}
    return [convolution | {"padding": "same", "use_bias": False, **HE}, NORMALIZATION]
