"""Checks the graph of an ONNX file before anything runs it: operators, sizes, and where its numbers are.

Allowed is what networks for pictures consist of. Nothing may have a size that depends on the pictures, so that one
picture costs what every other costs.
"""

from collections.abc import Iterable, Mapping
from math import prod

import onnx
from onnx import TensorProto

from worker.imports.errors import ImportRefused, short
from worker.imports.limits import MAX_GRAPH_NODES, MAX_GRAPH_TENSORS, MAX_PARAMETERS

OLDEST_OPSET, NEWEST_OPSET = 9, 25
DOMAINS = frozenset({"", "ai.onnx"})
_OPERATORS = """
    Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv ConvTranspose
    Cos DepthToSpace DequantizeLinear Div Dropout Elu Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm
    GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity
    InstanceNormalization LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul Max
    MaxPool Mean Min Mish Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal
    ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Selu
    Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tanh
    ThresholdedRelu Tile Transpose Unsqueeze Upsample Where
    """
OPERATORS = frozenset(_OPERATORS.split())
_SIZING: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("Reshape", "Expand", "Tile", "Upsample", "Unsqueeze", "Squeeze", "Split"), (1,)),
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"), (1,)),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), (1,)),
    "ConstantOfShape": (0,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
}
"""By operator, the inputs that decide the size of its output."""
_SIZES_ONLY = frozenset({"Shape", "Size"})
_BYTES: Mapping[int, int] = {
    TensorProto.FLOAT: 4,
    TensorProto.FLOAT16: 2,
    TensorProto.DOUBLE: 8,
    TensorProto.INT8: 1,
    TensorProto.UINT8: 1,
    TensorProto.INT32: 4,
    TensorProto.INT64: 8,
    TensorProto.BOOL: 1,
}


def check_graph(model: onnx.ModelProto) -> int:
    """Check a model, and count its parameters.

    Raises:
        ImportRefused: it has something that is not allowed; the message names the node.
    """
    _check_header(model)
    graph = model.graph
    if not 1 <= len(graph.node) <= MAX_GRAPH_NODES:
        raise ImportRefused(f"The graph has {len(graph.node):,} nodes; expected 1 to {MAX_GRAPH_NODES:,}.")
    if len(graph.sparse_initializer) or graph.quantization_annotation:
        raise ImportRefused("The graph has sparse or annotated tensors; expected plain ones.")
    if len(graph.initializer) > MAX_GRAPH_TENSORS:
        raise ImportRefused(f"The graph has too many constants; expected at most {MAX_GRAPH_TENSORS:,}.")
    tensors = list(graph.initializer)
    for node in graph.node:
        tensors += _check_node(node)
    parameters = sum(_checked_values(tensor) for tensor in tensors)
    if parameters > MAX_PARAMETERS:
        raise ImportRefused(
            f"The model has too many parameters; expected at most {MAX_PARAMETERS:,}, got {parameters:,}."
        )
    _check_sizes(graph)
    return parameters


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's operators that the model uses."""
    return max((entry.version for entry in model.opset_import if entry.domain in DOMAINS), default=0)


def _check_header(model: onnx.ModelProto) -> None:
    # Exporters declare operators of others that no node uses; nodes are checked one by one.
    if not OLDEST_OPSET <= opset_of(model) <= NEWEST_OPSET:
        raise ImportRefused(
            f"The model uses version {opset_of(model)} of ONNX's operators; expected {OLDEST_OPSET} to {NEWEST_OPSET}."
        )
    if len(model.functions) or len(model.training_info):
        raise ImportRefused("The model has functions or training information; expected a plain graph.")


def _check_node(node: onnx.NodeProto) -> Iterable[TensorProto]:
    """The tensors among a node's attributes."""
    if node.domain not in DOMAINS:
        raise ImportRefused(f"{name_of(node)} is an operator of {short(node.domain)}; expected those of ONNX itself.")
    if node.op_type not in OPERATORS:
        raise ImportRefused(
            f"{name_of(node)} cannot be served; expected one of the operators of plain networks.",
            "Control flow, functions of libraries, and sizes that depend on the picture are not supported.",
        )
    for attribute in node.attribute:
        is_graph = attribute.HasField("g") or len(attribute.graphs) or attribute.HasField("sparse_tensor")
        if is_graph or len(attribute.sparse_tensors) or attribute.ref_attr_name:
            raise ImportRefused(
                f"{name_of(node)} has the attribute {short(attribute.name)}, which is not a plain value."
            )
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors


def name_of(node: onnx.NodeProto) -> str:
    """A node as messages show it."""
    return f"Node {short(node.name or (node.output[0] if node.output else ''))} ({short(node.op_type).strip(chr(39))})"


def _checked_values(tensor: TensorProto) -> int:
    """How many numbers a constant has."""
    where = f"The constant {short(tensor.name)}"
    if tensor.data_location == TensorProto.EXTERNAL or len(tensor.external_data):
        raise ImportRefused(f"{where} is in another file; expected all numbers in this one.")
    if tensor.data_type not in _BYTES:
        raise ImportRefused(f"{where} has the type {tensor.data_type}; expected numbers of a usual type.")
    if len(tensor.dims) > 8 or any(side < 0 for side in tensor.dims):
        raise ImportRefused(f"{where} has an impossible shape.")
    count = int(prod(tensor.dims))
    if tensor.HasField("raw_data"):
        held = len(tensor.raw_data) // _BYTES[tensor.data_type]
    else:
        fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
        held = max(map(len, fields))
    if held != count:
        raise ImportRefused(f"{where} declares {count:,} numbers and holds {held:,}.")
    return count


def _check_sizes(graph: onnx.GraphProto) -> None:
    """Follow what depends on the pictures' values, and refuse sizes that do."""
    constants = {tensor.name for tensor in graph.initializer}
    known = set(constants)
    dependent = {entry.name for entry in graph.input if entry.name not in constants}
    known |= dependent
    for node in graph.node:
        for name in node.input:
            if name and name not in known:
                raise ImportRefused(f"{name_of(node)} needs {short(name)}, which no node before it makes.")
        if any(node.input[place] in dependent for place in _SIZING.get(node.op_type, ()) if place < len(node.input)):
            raise ImportRefused(f"{name_of(node)} makes something whose size depends on the picture.")
        if node.op_type not in _SIZES_ONLY and any(name in dependent for name in node.input):
            dependent.update(name for name in node.output if name)
        for name in node.output:
            if name and name in known:
                raise ImportRefused(f"{name_of(node)} makes {short(name)} once more; expected every name once.")
        known.update(name for name in node.output if name)
