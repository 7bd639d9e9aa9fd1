"""Adds the layer type `global_max_pooling2d`, by the steps of CONTRIBUTING.md."""

import json

from tests.examples.copied_sources import CopiedSources

GRAMMAR = '''
class GlobalMaxPooling2D(_Layer):
    """The largest value of each channel: from a map to a vector."""

    type: Literal["global_max_pooling2d"]


'''
MEASURE = """
        case GlobalMaxPooling2D():
            return Measured((channels,), flops=prod(shape))"""
USE = """
import json
from worker.architectures import Architecture, analyse
from worker.training.network import build_model

LAYERS = [
    {"type": "conv2d", "filters": 8, "kernel_size": 3},
    {"type": "global_max_pooling2d"},
    {"type": "dense", "units": "classes", "activation": "softmax"},
]
architecture = Architecture.model_validate({"layers": LAYERS})
paper = analyse(architecture, (28, 28, 1), 10)
network = build_model(architecture, (28, 28, 1), 10)
built = {layer.name: list(layer.output.shape[1:]) for layer in network.layers}
print(json.dumps({
    "paper": {row.name: row.output_shape for row in paper.layers},
    "built": {row.name: built[row.name] for row in paper.layers},
    "parameters": [paper.parameters, network.count_params()],
}))
"""


def test_a_layer_type_is_added_in_three_places(sources: CopiedSources) -> None:
    grammar, shapes, network = (
        "worker/architectures/grammar.py",
        "worker/architectures/shapes.py",
        "worker/training/network.py",
    )
    sources.insert(grammar, after='    type: Literal["global_average_pooling2d"]\n', text=GRAMMAR)
    sources.insert(grammar, after="\n    | GlobalAveragePooling2D", text="\n    | GlobalMaxPooling2D")
    sources.insert(shapes, after="\n    GlobalAveragePooling2D,", text="\n    GlobalMaxPooling2D,")
    sources.insert(shapes, after="\n    | GlobalAveragePooling2D", text="\n    | GlobalMaxPooling2D")
    sources.insert(shapes, after="    height, width, channels = shape\n    match layer:", text=MEASURE)
    sources.insert(
        network,
        after='    "global_average_pooling2d": keras.layers.GlobalAveragePooling2D,\n',
        text='    "global_max_pooling2d": keras.layers.GlobalMaxPooling2D,\n',
    )
    found = json.loads(sources.run(USE))
    assert found["paper"] == found["built"]
    assert found["paper"]["global_max_pooling2d"] == [8]
    assert found["parameters"][0] == found["parameters"][1]
