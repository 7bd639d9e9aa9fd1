"""How much arithmetic a training is, exactly: what a comparison between machines and recipes can rest on.

    python -m benchmarks.arithmetic fast-large --pictures 50000 --epochs 12

Only convolutions and dense layers are counted, which are nearly all of it; a multiplication and an addition are two.
Each costs its forward pass once, once more for the gradient of its weights if they are trained, and once more for the
gradient of its input if anything before it is trained. Validation and the optimizer's own arithmetic are not in it.
"""

import argparse

from worker.architectures import Architecture, analyse, get_preset
from worker.architectures.grammar import Conv2D, Dense, DepthwiseConv2D, SeparableConv2D
from worker.architectures.layer_changes import indexed_layers

WEIGHTED = (Conv2D, Dense, DepthwiseConv2D, SeparableConv2D)


def training_flops(
    architecture: Architecture, image_shape: tuple[int, int, int] = (32, 32, 3), n_classes: int = 10
) -> int:
    """FLOPs of one picture in one epoch of training."""
    flops = {row.index: row.flops for row in analyse(architecture, image_shape, n_classes).layers}
    total, is_first = 0, True
    for index, layer in indexed_layers(architecture.layers):
        if not isinstance(layer, WEIGHTED):
            continue
        is_trained = getattr(layer, "kernel_initializer", "") != "whitening"
        total += flops[index] * (1 + is_trained + (not is_first))
        is_first = False
    return total


def petaflops(name: str, pictures: int, epochs: int) -> float:
    """PFLOP of a whole training of a preset on 32x32 pictures in colours and ten classes."""
    return training_flops(get_preset(name).architecture) * pictures * epochs / 1e15


def main() -> None:
    """Print the figures of one preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()
    one = training_flops(get_preset(arguments.architecture).architecture)
    total = petaflops(arguments.architecture, arguments.pictures, arguments.epochs)
    print(f"{one / 1e6:.1f} MFLOP a picture, {total:.4f} PFLOP for {arguments.epochs} epochs")


if __name__ == "__main__":
    main()
