"""Turns the arguments of a tool into the call of its route. The routes check the values; this checks the names."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.agents.descriptions import PICTURE, tools
from service.agents.loopback import Call, parameters
from service.agents.operations import NEWEST, VERSION, Operation

IDEMPOTENCY = "idempotency_key"
LONGEST_NAME = 255
_CHOICE = ("dataset", "split", "index")
_FILES = ("image", "url")

Arguments = Mapping[str, Any]


class ArgumentInvalid(Exception):
    """The arguments of a tool cannot make a call; the message says what was expected and what came."""


def call_of(operation: Operation, arguments: Arguments) -> Call:
    """The call of a tool's route.

    Raises:
        ArgumentInvalid: an argument is unknown, missing, or no name where a name is expected.
    """
    _check_names(operation, arguments)
    given = {name: value for name, value in arguments.items() if value is not None}  # null: as if it were left out
    wanted = {**operation.defaults, **given}
    query = [(name, wanted.get(name)) for name in operation.query]
    query += [(name, value) for name, value in operation.fixed.items() if f"{{{name}}}" not in operation.template]
    if operation.has_picture and _is_of_dataset(arguments) and not operation.is_asked_of_newest:
        query += [(name, arguments.get(name)) for name in _CHOICE]
    return Call(
        operation.method,
        _path(operation, arguments),
        parameters(query),
        _body(operation, wanted),
        _headers(arguments),
    )


def picture_call(operation: Operation, arguments: Arguments) -> Call | None:
    """The call that fetches a picture of a dataset, if the route cannot take it from there itself; otherwise None."""
    if not (operation.has_picture and operation.is_asked_of_newest and _is_of_dataset(arguments)):
        return None
    name, index = _name("dataset", arguments), arguments.get("index")
    if not isinstance(index, int):
        raise ArgumentInvalid(f"dataset needs index; expected the picture's position in the split, got {index!r}")
    return Call("GET", f"/datasets/{name}/pictures/{_name('split', {'split': 'test', **arguments})}/{index}.png")


def with_picture(arguments: Arguments, picture: str) -> dict[str, Any]:
    """The arguments with a picture in base64 instead of one of a dataset."""
    return {name: value for name, value in arguments.items() if name not in _CHOICE} | {"image": picture}


def version_path(model: str) -> str:
    """The path of `name`, `name/version` or `name@alias`; a name alone means its version `latest`."""
    name, slash, version = model.partition("/")
    if slash:
        return f"/models/{name}/versions/{version}"
    name, _, alias = model.partition("@")
    return f"/models/{name}/aliases/{alias or 'latest'}"


def _check_names(operation: Operation, arguments: Arguments) -> None:
    schema = tools()[operation.name]["inputSchema"]
    known, required = schema["properties"], schema.get("required", ())
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        expected = ", ".join(known) or "no arguments"
        raise ArgumentInvalid(f"{operation.name} has no argument {unknown[0][:80]!r}; expected {expected}")
    missing = [name for name in required if arguments.get(name) is None]
    if missing:
        raise ArgumentInvalid(f"{operation.name} needs the argument {missing[0]!r}, which is missing")
    if operation.has_picture:
        given = [name for name in PICTURE if name in (*_FILES, "dataset") and arguments.get(name) is not None]
        if len(given) != 1:
            raise ArgumentInvalid(
                f"{operation.name} takes one picture; expected one of image, url and dataset, got "
                f"{' and '.join(given) or 'none'}"
            )


def _path(operation: Operation, arguments: Arguments) -> str:
    if operation.is_of_version:
        ending = operation.template.removeprefix(VERSION)
        if arguments.get("model") is None:
            return NEWEST
        model = _text("model", arguments)
        if not re.fullmatch(r"[^/@]+(?:/[^/@]+|@[^/@]+)?", model):
            raise ArgumentInvalid(f"model is not a name; expected `name`, `name/3` or `name@alias`, got {model[:80]!r}")
        return version_path(model) + ending
    return re.sub(
        r"{(\w+)}", lambda found: operation.fixed.get(found[1]) or _name(found[1], arguments), operation.template
    )


def _name(argument: str, arguments: Arguments) -> str:
    """A value that is one step of a path: it must not lead to another route."""
    text = _text(argument, arguments)
    if not text or "/" in text:
        raise ArgumentInvalid(f"{argument} is not a name; expected one without '/', got {text[:80]!r}")
    return text


def _text(argument: str, arguments: Arguments) -> str:
    value = arguments.get(argument)
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > LONGEST_NAME:
        raise ArgumentInvalid(f"{argument} is not a name; expected text of at most {LONGEST_NAME} characters")
    return str(value)


def _body(operation: Operation, wanted: Arguments) -> bytes | None:
    if operation.whole_body is not None:
        return _written(wanted.get(operation.whole_body))
    if operation.body:
        return _written({name: wanted[name] for name in operation.body if name in wanted})
    if operation.has_picture and not _is_of_dataset(wanted):
        return _written({"images": [dict(_picture(wanted))]})
    return None


def _picture(wanted: Arguments) -> Iterator[tuple[str, Any]]:
    yield from ((kind, wanted[name]) for name, kind in (("image", "b64"), ("url", "url")) if name in wanted)


def _is_of_dataset(arguments: Arguments) -> bool:
    return arguments.get("dataset") is not None


def _headers(arguments: Arguments) -> list[tuple[bytes, bytes]]:
    key = arguments.get(IDEMPOTENCY)
    if key is None:
        return []
    if not isinstance(key, str) or not re.fullmatch(r"[\x21-\x7e]{1,200}", key):
        raise ArgumentInvalid(f"{IDEMPOTENCY} is not a key; expected 1 to 200 printable ASCII characters")
    return [(b"idempotency-key", key.encode())]


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
