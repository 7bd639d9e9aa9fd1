"""Writes the bytes that add outputs to an ONNX file. Protobuf messages merge when they are concatenated.

These few bytes are all that is written of the format, so the API does without the package `onnx` (31 MB).
"""

from collections.abc import Iterable

from worker.protobuf import bytes_field

_GRAPH = 7  # ModelProto.graph
_OUTPUT = 12  # GraphProto.output
_NAME = 1  # ValueInfoProto.name


def with_outputs(model: bytes, tensors: Iterable[str]) -> bytes:
    """An ONNX file whose network also gives these tensors: results of nodes, or weights.

    Args:
        model: the file.
        tensors: names; those that are outputs already must not be among them.
    """
    outputs = b"".join(bytes_field(_OUTPUT, bytes_field(_NAME, name.encode())) for name in dict.fromkeys(tensors))
    return model + bytes_field(_GRAPH, outputs) if outputs else model
