"""Writes the bytes that add outputs to an ONNX file. Protobuf messages merge when they are concatenated.

These few bytes are all that is written of the format, so the API does without the package `onnx` (31 MB).
"""

from collections.abc import Iterable

_GRAPH = 7  # ModelProto.graph
_OUTPUT = 12  # GraphProto.output
_NAME = 1  # ValueInfoProto.name
_BYTES = 2  # wire type


def with_outputs(model: bytes, tensors: Iterable[str]) -> bytes:
    """An ONNX file whose network also gives these tensors: results of nodes, or weights.

    Args:
        model: the file.
        tensors: names; those that are outputs already must not be among them.
    """
    outputs = b"".join(_field(_OUTPUT, _field(_NAME, name.encode())) for name in dict.fromkeys(tensors))
    return model + _field(_GRAPH, outputs) if outputs else model


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
