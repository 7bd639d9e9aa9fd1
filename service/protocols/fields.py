"""Reads JSON from protocol clients: an object and its fields, each of exactly the expected type.

Unlike `service.web.strict_json`, it accepts what these protocols allow: NaN and Infinity, large lists, unknown fields.
It does not know what the fields mean.
"""

from typing import Any, TypeVar

from pydantic_core import from_json

from service.errors import CallRejected

Value = TypeVar("Value", dict[str, Any], list[Any], str, int, bool)
JsonObject = dict[str, Any]

_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def read_object(data: bytes) -> JsonObject:
    """Parse a body that is one JSON object; the parser refuses nesting beyond 200 levels instead of recursing.

    Raises:
        CallRejected: it is not JSON, or not an object.
    """
    if not data.strip():
        raise CallRejected("the request body is empty; expected a JSON object")
    try:
        value = from_json(data)
    except ValueError as error:
        raise CallRejected(f"the request body is not JSON: {error}") from None
    if type(value) is not dict:
        raise CallRejected(f"the request body is not a JSON object; expected an object, got {kind_of(value)}")
    return value


def required(holder: JsonObject, key: str, kind: type[Value], where: str = "the request") -> Value:
    """A mandatory field.

    Raises:
        CallRejected: it is missing, or of another type.
    """
    if key not in holder:
        raise CallRejected(f"{where} has no {key!r}; expected {_KINDS[kind]}")
    value = holder[key]
    if type(value) is not kind:
        raise CallRejected(f"{key!r} of {where} has the wrong type; expected {_KINDS[kind]}, got {kind_of(value)}")
    return value


def optional(holder: JsonObject, key: str, kind: type[Value], default: Value, where: str = "the request") -> Value:
    """A field that may be absent or null. Raises `CallRejected` when it is of another type."""
    return default if holder.get(key) is None else required(holder, key, kind, where)


def kind_of(value: object) -> str:
    """What a JSON value is, in words; never the value itself."""
    return _KINDS[type(value)]
