"""Reads an inference request of the Open Inference Protocol: its JSON, the binary tensor after it, the wanted outputs.

Pure functions: bytes, one header and the model's input shape in, a checked call out. It knows neither models nor HTTP.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from service.errors import CallRejected
from service.protocols.coverage import COVERAGE, read_coverage
from service.protocols.fields import JsonObject, optional, read_object, required
from service.protocols.tensors import Pixels, batch_shape, from_bytes, from_list
from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR

LENGTH_HEADER = "Inference-Header-Content-Length"
HEADS_KNOWN, MAX_KNOWN_HEAD = 256, 1024
_LENGTH = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class OutputWish:
    """How the client wants the output.

    Attributes:
        is_binary: as raw bytes after the JSON.
        n_classes: how many of the most probable classes to name; 0 for all probabilities instead.
    """

    is_binary: bool = False
    n_classes: int = 0


@dataclass(frozen=True)
class InferCall:
    """A whole request, checked."""

    pixels: Pixels
    outputs: tuple[OutputWish, ...]
    id: str | None = None
    coverage: float | None = None


def read_infer_call(body: bytes, json_length: str | None, input_shape: tuple[int, ...]) -> InferCall:
    """Read a request.

    Args:
        body: uncompressed.
        json_length: value of `LENGTH_HEADER`, if present; "0" announces one picture's tensor and nothing else.
        input_shape: height, width, channels of the model.

    Raises:
        CallRejected: anything is missing, of the wrong type, or does not fit the model.
    """
    length = _json_length(json_length, len(body))
    tail = memoryview(body)[length:]
    if length == 0 and json_length is not None:
        return InferCall(from_bytes(tail, "FP32", (1, *input_shape)), (OutputWish(is_binary=True),))
    request = read_object(body[:length] if tail else body)
    identity = None if request.get("id") is None else required(request, "id", str)
    coverage = read_coverage(optional(request, "parameters", dict, {}).get(COVERAGE))
    return InferCall(_pixels(request, tail, input_shape), _outputs(request), identity, coverage)


class _KnownCall(NamedTuple):
    shape: tuple[int, ...]
    outputs: tuple[OutputWish, ...]
    id: str | None
    coverage: float | None


class KnownHeads:
    """Reads requests as `read_infer_call` does, and remembers their JSON: when it recurs, only the tensor is read.

    Clients repeat the same JSON for every request, even in front of 64 pictures of 32 x 32 pixels.
    """

    def __init__(self) -> None:
        self._calls: dict[tuple[bytes, int, tuple[int, ...]], _KnownCall] = {}

    def read(self, body: bytes, json_length: str, input_shape: tuple[int, ...]) -> InferCall:
        """Read a request. Arguments and errors are those of `read_infer_call`."""
        length = _json_length(json_length, len(body))
        key = (body[:length], len(body), input_shape)
        known = self._calls.get(key)
        if known is not None:
            pixels = np.frombuffer(body, np.uint8, offset=length).reshape(known.shape)
            return InferCall(pixels, known.outputs, known.id, known.coverage)
        call = read_infer_call(body, json_length, input_shape)
        # Bytes after the JSON are the tensor, and a UINT8 tensor has no invalid values.
        if 0 < length < len(body) and length <= MAX_KNOWN_HEAD and call.pixels.dtype == np.uint8:
            if len(self._calls) >= HEADS_KNOWN:
                self._calls.clear()
            self._calls[key] = _KnownCall(call.pixels.shape, call.outputs, call.id, call.coverage)
        return call


def _json_length(header: str | None, n_bytes: int) -> int:
    if header is None:
        return n_bytes
    if not _LENGTH.fullmatch(header) or int(header) > n_bytes:
        raise CallRejected(
            f"{LENGTH_HEADER} is not usable; expected the length of the JSON, at most the body's {n_bytes} bytes"
        )
    return int(header)


def _pixels(request: JsonObject, tail: memoryview, input_shape: tuple[int, ...]) -> Pixels:
    inputs = required(request, "inputs", list)
    if len(inputs) != 1 or type(inputs[0]) is not dict:
        raise CallRejected(
            f"the inputs do not fit the model; expected a list of one object, got {len(inputs)} elements"
        )
    tensor: JsonObject = inputs[0]
    where = "the input"
    _check_name(tensor, INPUT_TENSOR, where)
    datatype = required(tensor, "datatype", str, where)
    shape = batch_shape(required(tensor, "shape", list, where), input_shape)
    parameters = optional(tensor, "parameters", dict, {}, where)
    if "binary_data_size" not in parameters:
        _refuse_left_over(tail, 0)
        return from_list(required(tensor, "data", list, where), datatype, shape)
    if tensor.get("data") is not None:
        raise CallRejected("the input has both data and binary_data_size; expected one of them")
    size = required(parameters, "binary_data_size", int, "the input's parameters")
    if not 0 <= size <= len(tail):
        raise CallRejected(f"binary_data_size reaches beyond the body; expected at most {len(tail)}, got more")
    _refuse_left_over(tail, size)
    return from_bytes(tail[:size], datatype, shape)


def _outputs(request: JsonObject) -> tuple[OutputWish, ...]:
    parameters = optional(request, "parameters", dict, {})
    is_binary = optional(parameters, "binary_data_output", bool, False, "the request's parameters")
    wished = optional(request, "outputs", list, [])
    return tuple(_output(output, is_binary) for output in wished) or (OutputWish(is_binary),)


def _output(output: Any, is_binary: bool) -> OutputWish:  # noqa: ANN401 - any JSON value
    if type(output) is not dict:
        raise CallRejected("an output is of the wrong type; expected an object with a name")
    _check_name(output, OUTPUT_TENSOR, "an output")
    parameters = optional(output, "parameters", dict, {}, "an output")
    where = "an output's parameters"
    n_classes = optional(parameters, "classification", int, 0, where)
    if n_classes < 0:
        raise CallRejected("classification is out of range; expected the number of classes to name, got less than 0")
    return OutputWish(optional(parameters, "binary_data", bool, is_binary, where), n_classes)


def _check_name(tensor: JsonObject, expected: str, where: str) -> None:
    name = required(tensor, "name", str, where)
    if name != expected:
        raise CallRejected(f"{where} is not one of the model's; expected {expected!r}, got {name[:80]!r}")


def _refuse_left_over(tail: memoryview, used: int) -> None:
    if len(tail) > used:
        raise CallRejected(
            f"the body is longer than its tensors; expected {used} bytes after the JSON, got {len(tail)}"
        )
