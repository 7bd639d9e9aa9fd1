"""Pictures as TensorFlow Serving clients send them: nested numbers, or whole files in base64.

One request has one of the two kinds. Files are only unpacked here; the predictor decodes them.
"""

import base64
import binascii
from typing import Any

from service.errors import CallRejected
from service.protocols.fields import JsonObject, kind_of, required
from service.protocols.tensors import Pixels, floats_of, unnested
from worker.artifacts import INPUT_TENSOR

Pictures = Pixels | list[bytes]
"""Scaled pixels of a batch, or one picture file per element."""

_FILE = "b64"


def is_file(image: object) -> bool:
    """Whether this stands for a picture file: an object with the one key `b64`."""
    return type(image) is dict and image.keys() == {_FILE}


def pictures_of(images: list[Any], expected: tuple[int, ...]) -> Pictures:
    """A batch from its elements.

    Args:
        images: lists of numbers, or objects with `b64`.
        expected: how each list is nested, such as (height, width, channels).

    Raises:
        CallRejected: the two kinds are mixed, lists are ragged, the shape is wrong, or elements are not numbers.
    """
    kinds = set(map(type, images))
    if kinds == {dict}:
        return [_file(image) for image in images]
    if not kinds <= {list}:
        raise CallRejected("the pictures are of different or unknown kinds; expected all nested lists, or all b64")
    elements, shape = unnested(images)
    if shape[1:] != expected:
        raise CallRejected(f"a picture does not fit the model; expected {list(expected)}, got {list(shape[1:9])}")
    return floats_of(elements).reshape(shape)


def named_image(holder: object, where: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value that an object has under the input's name. Raises `CallRejected`."""
    if type(holder) is not dict:
        raise CallRejected(f"{where} is of the wrong type; expected an object, got {kind_of(holder)}")
    if INPUT_TENSOR not in holder:
        raise CallRejected(f"{where} has no {INPUT_TENSOR!r}; expected the model's input by its name")
    return holder[INPUT_TENSOR]


def _file(image: JsonObject) -> bytes:
    if not is_file(image):
        raise CallRejected(f"a picture is an unknown object; expected the input {INPUT_TENSOR!r}, or only {_FILE!r}")
    try:
        return base64.b64decode(required(image, _FILE, str, "a picture"), validate=True)
    except (binascii.Error, ValueError):
        raise CallRejected("b64 does not hold base64; expected RFC 4648 with padding") from None
