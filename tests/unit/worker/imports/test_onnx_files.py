"""An ONNX file is served with the interface of every network here, or refused with the node that prevents it."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.keras_archives import said
from tests.onnx_models import CLASSES, SHAPE, model, node, probabilities_of, usual_nodes
from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.imports.errors import ImportRefused
from worker.imports.onnx_file import check_onnx
from worker.imports.result import CHECKED_FILE, Checked

PICTURES = np.random.default_rng(7).random((5, *SHAPE), np.float32)


def check(folder: Path, found: onnx.ModelProto, **options: object) -> Checked:
    path = folder / "model.onnx"
    path.write_bytes(found.SerializeToString())
    return check_onnx(path, said(format="onnx", **options), folder)


def answers(folder: Path, pictures: NDArray[np.float32] = PICTURES) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(folder / CHECKED_FILE, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run([OUTPUT_TENSOR], {INPUT_TENSOR: pictures})[0]
    return found


@pytest.mark.parametrize("opset", [11, 17])
def test_logits_of_pictures_with_channels_first_become_probabilities(tmp_path: Path, opset: int) -> None:
    checked = check(tmp_path, model(usual_nodes(), opset=opset))
    assert (checked.input_shape, checked.n_classes, checked.preprocessing) == (SHAPE, CLASSES, "unit")
    assert "softmax" in checked.remarks[0]
    assert np.allclose(answers(tmp_path), probabilities_of(PICTURES), atol=1e-6)


def test_preprocessing_comes_before_the_graph(tmp_path: Path) -> None:
    check(tmp_path, model(usual_nodes()), preprocessing="caffe")
    expected = 255 * PICTURES[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    assert np.allclose(answers(tmp_path), probabilities_of(expected), atol=1e-4)


def one_picture_only() -> list[onnx.NodeProto]:
    """A graph that works for one picture: it reshapes everything to one row."""
    nodes = usual_nodes()
    nodes[3] = node("Reshape", ["pooled", "one_row"], "flat")
    return nodes


@pytest.mark.parametrize("opset", [11, 17])
def test_a_graph_for_one_picture_is_run_once_for_each(tmp_path: Path, opset: int) -> None:
    found = model(one_picture_only(), batch=1, opset=opset, constants={"one_row": np.array([1, 4])})
    checked = check(tmp_path, found)
    assert "one picture at a time" in checked.remarks[-1]
    assert np.allclose(answers(tmp_path), probabilities_of(PICTURES), atol=1e-6)


def test_a_fixed_batch_that_need_not_be_is_opened(tmp_path: Path) -> None:
    checked = check(tmp_path, model(usual_nodes(), batch=4))
    assert len(checked.remarks) == 1
    assert len(answers(tmp_path)) == 5


def test_one_sigmoid_becomes_two_classes(tmp_path: Path) -> None:
    nodes = [
        *usual_nodes("flat_logits"),
        node("ReduceMean", ["flat_logits"], "mean", axes=[1]),
        node("Sigmoid", ["mean"], "p"),
    ]
    assert check(tmp_path, model(nodes, output="p")).n_classes == 2
    assert np.allclose(answers(tmp_path).sum(axis=1), 1)


def test_probabilities_stay_as_they_are(tmp_path: Path) -> None:
    nodes = [*usual_nodes(), node("Softmax", ["logits"], "shares", axis=1)]
    assert check(tmp_path, model(nodes, output="shares")).remarks == ()
    assert np.allclose(answers(tmp_path), probabilities_of(PICTURES), atol=1e-6)


def test_a_free_size_must_be_named(tmp_path: Path) -> None:
    found = model(usual_nodes(), axes=(3, "h", "w"))
    with pytest.raises(ImportRefused, match="any size"):
        check(tmp_path, found)
    assert check(tmp_path, found, image_size=(6, 6)).input_shape == SHAPE


def _external() -> onnx.ModelProto:
    found = model(usual_nodes())
    tensor = found.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return found


def _lying() -> onnx.ModelProto:
    found = model(usual_nodes())
    found.graph.initializer[0].dims[:] = [2**40, 3, 3, 3]
    return found


def _loop() -> onnx.ModelProto:
    body = helper.make_graph([node("Identity", ["a"], "b")], "body", [], [])
    return model([*usual_nodes("before"), node("If", ["before"], "logits", then_branch=body, else_branch=body)])


def _foreign() -> onnx.ModelProto:
    found = model([*usual_nodes("before"), node("Gelu", ["before"], "logits", domain="com.microsoft")])
    found.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return found


def test_operators_that_are_only_declared_do_no_harm(tmp_path: Path) -> None:
    found = model(usual_nodes())
    found.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    assert check(tmp_path, found).n_classes == CLASSES


def _function() -> onnx.ModelProto:
    found = model(usual_nodes())
    found.functions.append(
        helper.make_function("mine", "F", ["a"], ["b"], [node("Relu", ["a"], "b")], found.opset_import)
    )
    return found


def _size_by_picture() -> onnx.ModelProto:
    nodes = [*usual_nodes("before"), node("Cast", ["before"], "sizes", to=TensorProto.INT64)]
    return model([*nodes, node("ConstantOfShape", ["sizes"], "logits")])


def _two_inputs() -> onnx.ModelProto:
    found = model(usual_nodes())
    found.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    return found


def _cycle() -> onnx.ModelProto:
    nodes = usual_nodes()
    nodes[1].input[0] = "logits"
    return model(nodes)


def _not_finite() -> onnx.ModelProto:
    return model(
        [*usual_nodes("before"), node("Div", ["before", "zero"], "logits")], constants={"zero": np.zeros(1, "f4")}
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_external, "another file"),
        (_lying, "declares"),
        (_loop, "(If)"),
        (_foreign, "com.microsoft"),
        (_function, "functions"),
        (_size_by_picture, "depends on the picture"),
        (_two_inputs, "2 inputs"),
        (_cycle, "no node before it"),
        (_not_finite, "finite"),
    ],
)
def test_what_is_not_a_plain_network_is_refused(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ImportRefused) as refusal:
        check(tmp_path, make())
    assert message in refusal.value.message


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    for content in (b"\x08", b"\x08\x07\x3a\xff\xff\xff\xff\x0f", b"\x08" * 1000):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(ImportRefused):
            check_onnx(tmp_path / "x", said(format="onnx"), tmp_path)
