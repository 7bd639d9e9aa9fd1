"""The arithmetic of a training, counted by hand for a small network."""

from benchmarks.arithmetic import training_flops
from worker.architectures import Architecture


def counted(initializer: str) -> int:
    convolution = {"type": "conv2d", "filters": 2, "kernel_size": 3, "padding": "same", "use_bias": False}
    layers = [
        {**convolution, "kernel_initializer": initializer},
        {"type": "residual", "layers": [convolution]},
        {"type": "global_average_pooling2d"},
        {"type": "dense", "units": "classes", "activation": "softmax", "use_bias": False},
    ]
    return training_flops(Architecture.model_validate({"layers": layers}), (4, 4, 1), 5)


def test_a_layer_costs_three_times_its_forward_pass_and_the_first_one_less() -> None:
    first, second, dense = 2 * 9 * 2 * 16, 2 * 9 * 4 * 16, 2 * 2 * 5
    assert counted("glorot_uniform") == 2 * first + 3 * (second + dense)
    assert counted("whitening") == first + 3 * (second + dense)
