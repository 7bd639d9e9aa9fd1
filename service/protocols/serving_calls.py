"""Reads requests of TensorFlow Serving's REST API: rows and columns of `:predict`, examples of `:classify`.

Pure functions: bytes and the model's input shape in, pictures out. It knows neither models nor answers.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from service.errors import CallRejected
from service.protocols.fields import JsonObject, kind_of, optional, read_object, required
from service.protocols.pictures import Pictures, is_file, named_image, pictures_of
from worker.artifacts import INPUT_TENSOR

SIGNATURE = "serving_default"
ROWS, COLUMNS = "predictions", "outputs"
"""Keys of an answer."""


@dataclass(frozen=True)
class PredictCall:
    """Pictures, and the key under which their answer is expected."""

    pictures: Pictures
    answer_key: str


def read_predict_call(body: bytes, input_shape: tuple[int, ...]) -> PredictCall:
    """Read rows (`instances`) or columns (`inputs`). Raises `CallRejected`."""
    return predict_call_of(read_object(body), input_shape)


def predict_call_of(request: JsonObject, input_shape: tuple[int, ...]) -> PredictCall:
    """The same from parsed JSON. Raises `CallRejected`."""
    check_signature(request)
    if ("instances" in request) == ("inputs" in request):
        raise CallRejected("the request does not say what to predict; expected either 'instances' or 'inputs'")
    if "instances" in request:
        return PredictCall(pictures_of(_rows(required(request, "instances", list)), input_shape), ROWS)
    return PredictCall(pictures_of(_column(request["inputs"]), input_shape), COLUMNS)


def read_classify_call(body: bytes, input_shape: tuple[int, ...]) -> Pictures:
    """Read examples, whose pictures are flat lists. Raises `CallRejected`."""
    request = read_object(body)
    check_signature(request)
    optional(request, "context", dict, {})
    examples = required(request, "examples", list)
    _refuse_empty(examples, "examples")
    flat = pictures_of([named_image(example, "an example") for example in examples], (prod(input_shape),))
    return flat if isinstance(flat, list) else flat.reshape(-1, *input_shape)


def check_signature(request: JsonObject) -> None:
    """Refuse a signature that no model has. Raises `CallRejected`."""
    if "signature_name" in request:
        name = required(request, "signature_name", str)
        if name not in {"", SIGNATURE}:
            raise CallRejected(f"there is no signature {name[:80]!r}; expected {SIGNATURE!r}")


def _rows(instances: list[Any]) -> list[Any]:
    _refuse_empty(instances, "instances")
    if type(instances[0]) is not dict or is_file(instances[0]):
        return instances
    for row in instances:
        if type(row) is not dict or row.keys() != {INPUT_TENSOR}:
            raise CallRejected(
                f"a row does not fit the model; expected an object with only {INPUT_TENSOR!r} in every row"
            )
    return [row[INPUT_TENSOR] for row in instances]


def _column(inputs: object) -> list[Any]:
    batch = named_image(inputs, "inputs") if type(inputs) is dict else inputs
    if type(batch) is not list:
        raise CallRejected(f"the inputs are of the wrong type; expected a list of pictures, got {kind_of(batch)}")
    _refuse_empty(batch, "inputs")
    return batch


def _refuse_empty(images: list[Any], name: str) -> None:
    if not images:
        raise CallRejected(f"{name!r} is empty; expected at least one picture")
