"""Teaches a version to tell pictures that are unlike its training pictures: a small network beside its own.

The score is a feature distance: the picture on a coarse grid, and the strength of its finest detail in three directions
(Haar wavelets), as far from those of the training pictures as their spread allows (Mahalanobis distance). It is scaled
so that 1 % of held-out pictures are above 1. The nodes are an ONNX file of their own, not a second output of
`model.onnx`: ONNX Runtime computes all outputs of a file, also for callers that want only one of them.

What was tried instead, on Fashion-MNIST: the energy of the logits and the features before the last layer do not see
noise on a LeNet, whose saturated units give noise ordinary features (of 1,000 pictures of noise none was found). The
maps of the first convolution see as much as these fixed features, and cost five times as much.
"""

import json
import logging
import math
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.artifacts import INPUT_TENSOR, UNUSUAL_TENSOR, USUAL_SCORES
from worker.onnx_sessions import ALL_CORES, open_session
from worker.pictures.pixels import to_unit_range

logger = logging.getLogger(__name__)

SHARE = 0.01
"""Of held-out pictures, which are called unusual although they are not."""
MOST_TRAINING = 4000
MOST_HELD_OUT = 5000
MOST_VALUES = 1_000_000_000
"""Of all pictures together: a second or two of one core. Of large pictures fewer are taken."""
GRID, COLOUR_GRID = 8, 2
"""Cells a side. With 8, three channels have 192 values, beside which 3 strengths hardly count: of text on CIFAR-10, 4 %
were found; with 2 it is 99 %."""
STEP = 4
"""Between the squares whose detail is measured. With 2 it took twice as long, and found 84 % of text on Fashion-MNIST
instead of 79 %."""
SHRINKAGE = 0.01
"""Of the correlations towards none: a spread that is hardly seen in training is not taken for none at all."""
BATCH_VALUES = 10_000_000
SMALLEST_SIDE = 4
QUANTILES = tuple(step / 20 for step in range(1, 20))
PICTURE, WAVELETS, DETAIL, STRENGTH, CELLS, FLAT_CELLS, FEATURES, WEIGHTS, BIAS, DISTANCE = (
    f"unusual_{name}"
    for name in "picture wavelets detail strength cells flat_cells features weights bias distance".split()  # noqa: SIM905
)


def unusual_network(training: NDArray[np.uint8], held_out: NDArray[np.uint8]) -> bytes | None:
    """The ONNX file that scores pictures; None when too few pictures are held out, or they are tiny.

    Args:
        training: uint8, shape (n, height, width, channels), pictures that the network was trained on, in any order.
        held_out: likewise, pictures that it was not trained on.
    """
    fewest = math.ceil(1 / SHARE) - 1
    if len(held_out) < fewest or min(training.shape[1:3]) < SMALLEST_SIDE:
        return None
    nodes, wavelets = _nodes(training.shape[1:]), _wavelets(training.shape[3])
    session = _session(nodes, wavelets)
    most = max(fewest, MOST_VALUES // training[0].size)
    known = _run(session, _some(training, min(MOST_TRAINING, most)))
    others = _run(session, _some(held_out, min(MOST_HELD_OUT, most)))
    weights, bias = _whitening(known)
    scores = np.square(others @ weights + bias).sum(axis=1)
    limit = np.sort(scores)[math.ceil((len(scores) + 1) * (1 - SHARE)) - 1]
    if not (np.isfinite(scores).all() and limit > 0):
        return None
    usual = np.quantile(scores / limit, QUANTILES)
    return _file(nodes, training.shape[1:], wavelets, (weights / np.sqrt(limit), bias / np.sqrt(limit)), usual)


def _some(images: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """At most so many pictures, spread over all of them."""
    return images if len(images) <= most else images[np.linspace(0, len(images) - 1, most).astype(int)]


def _nodes(image_shape: tuple[int, ...]) -> list[onnx.NodeProto]:
    """The picture on a grid, and the Euclidean length of its finest details in each direction."""
    height, width, channels = image_shape
    cells = GRID if channels == 1 else COLOUR_GRID
    cell = [math.ceil(height / cells), math.ceil(width / cells)]

    def node(kind: str, inputs: list[str], output: str, **options: Any) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [output], name=output, **options)

    return [
        node("Transpose", [INPUT_TENSOR], PICTURE, perm=[0, 3, 1, 2]),
        node("Conv", [PICTURE, WAVELETS], DETAIL, kernel_shape=[2, 2], strides=[STEP, STEP]),
        node("ReduceL2", [DETAIL], STRENGTH, axes=[2, 3], keepdims=0),
        node("AveragePool", [PICTURE], CELLS, kernel_shape=cell, strides=cell),
        node("Flatten", [CELLS], FLAT_CELLS),
        node("Concat", [STRENGTH, FLAT_CELLS], FEATURES, axis=1),
    ]


def _wavelets(channels: int) -> onnx.TensorProto:
    """Differences within squares of 2 x 2 pixels, of all channels together: to the right, downwards, and across."""
    patterns = [[[1, -1], [1, -1]], [[1, 1], [-1, -1]], [[1, -1], [-1, 1]]]
    values = np.tile(np.array(patterns, np.float32)[:, np.newaxis] / channels, (1, channels, 1, 1))
    return numpy_helper.from_array(values, WAVELETS)


def _session(nodes: list[onnx.NodeProto], wavelets: onnx.TensorProto) -> Any:
    graph = helper.make_graph(
        nodes,
        "features",
        [helper.make_tensor_value_info(INPUT_TENSOR, onnx.TensorProto.FLOAT, ["n", None, None, None])],
        [helper.make_tensor_value_info(FEATURES, onnx.TensorProto.FLOAT, ["n", None])],
        [wavelets],
    )
    model = _model(graph)
    return open_session(model.SerializeToString(), ALL_CORES)


def _run(session: Any, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    at_once = max(1, BATCH_VALUES // images[0].size)
    parts = [
        session.run([FEATURES], {INPUT_TENSOR: to_unit_range(images[start : start + at_once])})[0]
        for start in range(0, len(images), at_once)
    ]
    return np.concatenate(parts).astype(np.float64)


def _whitening(known: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What turns statistics into independent numbers of mean 0 and deviation 1: a matrix, and what is added to it.

    With few pictures for many statistics, correlations are mostly chance, and are trusted less.
    """
    mean, deviation = known.mean(axis=0), known.std(axis=0)
    # What never changes in training has no scale of its own; any change of it is unusual, but not infinitely so.
    deviation = np.maximum(deviation, max(1e-6, 1e-3 * float(deviation.max())))
    standard = (known - mean) / deviation
    n, size = standard.shape
    shrinkage = SHRINKAGE + size / (size + n)
    correlations = standard.T @ standard / n / (1 + shrinkage)
    correlations[np.diag_indices(size)] += shrinkage / (1 + shrinkage)
    spread, axes = np.linalg.eigh(correlations)
    weights = axes / np.sqrt(spread) / deviation[:, None]
    return weights, -mean @ weights


def _file(
    nodes: list[onnx.NodeProto],
    image_shape: tuple[int, ...],
    wavelets: onnx.TensorProto,
    whitening: tuple[NDArray[np.float64], NDArray[np.float64]],
    usual: NDArray[np.float64],
) -> bytes:
    """The ONNX file: pictures in, a score for each out."""
    distance = [
        helper.make_node("Gemm", [FEATURES, WEIGHTS, BIAS], [DISTANCE], name=DISTANCE),
        helper.make_node("ReduceSumSquare", [DISTANCE], [UNUSUAL_TENSOR], name=UNUSUAL_TENSOR, axes=[1], keepdims=0),
    ]
    constants = [
        numpy_helper.from_array(values.astype(np.float32), name)
        for name, values in zip((WEIGHTS, BIAS), whitening, strict=True)
    ]
    graph = helper.make_graph(
        [*nodes, *distance],
        "unusual",
        [helper.make_tensor_value_info(INPUT_TENSOR, onnx.TensorProto.FLOAT, ["n", *image_shape])],
        [helper.make_tensor_value_info(UNUSUAL_TENSOR, onnx.TensorProto.FLOAT, ["n"])],
        [wavelets, *constants],
    )
    model = _model(graph)
    helper.set_model_props(model, {USUAL_SCORES: json.dumps([round(float(score), 6) for score in usual])})
    return bytes(model.SerializeToString())


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
