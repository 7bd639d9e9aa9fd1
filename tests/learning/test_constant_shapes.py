"""An export has no nodes that work out a shape which is known, in whatever order the converter took its steps."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from worker.training.export import with_constant_shapes


def unfinished() -> onnx.ModelProto:
    """A network as tf2onnx sometimes leaves it: how long a flattened picture is, is worked out from its shape."""
    constants = {"order": [0, 3, 1, 2], "first": [0], "second": [1], "length": [32]}
    dtypes = {"order": np.int64, "first": np.int32, "second": np.int32, "length": np.int32}
    nodes = [
        helper.make_node("Tanh", ["images"], ["features"]),
        helper.make_node("Shape", ["features"], ["shape"]),
        helper.make_node("Gather", ["shape", "order"], ["ordered"]),
        helper.make_node("Cast", ["ordered"], ["small"], to=TensorProto.INT32),
        helper.make_node("Slice", ["small", "first", "second", "first"], ["pictures"]),
        helper.make_node("Concat", ["pictures", "length"], ["flat_shape"], axis=0),
        helper.make_node("Cast", ["flat_shape"], ["wanted"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["features", "wanted"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel_1"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "unfinished",
        [
            helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 4, 4, 2]),
            helper.make_tensor_value_info("kernel_1", TensorProto.FLOAT, [32, 3]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array(values, dtypes[name]), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_shape_that_is_known_is_a_constant_and_the_answers_stay_the_same() -> None:
    before = unfinished()
    after = with_constant_shapes(before)
    assert [node.op_type for node in after.graph.node] == ["Tanh", "Reshape", "MatMul", "Softmax"]
    assert [found.name for found in after.graph.input] == ["images", "kernel_1"]
    random = np.random.default_rng(1)
    given = {
        "images": random.normal(size=(5, 4, 4, 2)).astype(np.float32),
        "kernel_1": random.normal(size=(32, 3)).astype(np.float32),
    }
    expected, found = (np.asarray(ReferenceEvaluator(model).run(None, given)) for model in (before, after))
    np.testing.assert_array_equal(found, expected)
    assert with_constant_shapes(after) is after
