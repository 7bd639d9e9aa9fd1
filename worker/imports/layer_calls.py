"""Reads the calls of a Keras configuration: which tensors, and which numbers, a layer gets.

Both forms are read, that of Keras 3 and that of tf.keras 2.13 to 2.15.
"""

from collections.abc import Mapping
from typing import Any

from worker.imports.errors import ImportRefused, short

_WITHOUT_EFFECT = ("training", "mask")
"""Options of a call that change nothing in a prediction."""


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """A value that must be a JSON object. Raises `ImportRefused`."""
    if not isinstance(value, dict):
        raise ImportRefused(f"{capital(what)} is no JSON object; got {short(value)}.")
    return value


def capital(text: str) -> str:
    """Text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def name_of(layer: Mapping[str, Any]) -> str:
    """The name of a layer."""
    config = layer.get("config")
    name = layer.get("name") or (config.get("name") if isinstance(config, dict) else None)
    if not isinstance(name, str) or len(name) > 256:
        raise ImportRefused(f"A layer of the class {short(layer['class_name'])} has no usable name.")
    return name


def only_tensor(tensors: object, what: str) -> str:
    """The layer whose output is the only tensor in `["name", 0, 0]` or a list of one such list."""
    while isinstance(tensors, list) and len(tensors) == 1:
        tensors = tensors[0]
    match tensors:
        case [str(name), 0, 0]:
            return name
        case list() if len(tensors) > 1:
            raise ImportRefused(f"The model has {len(tensors)} {what}; expected one.")
    raise ImportRefused(f"The model's {what} cannot be read; expected one tensor, got {short(tensors)}.")


def inputs_of(layer: Mapping[str, Any], known: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The nodes that a layer gets, and the numbers among an operation's arguments."""
    what = f"layer {short(name_of(layer))}"
    calls = layer.get("inbound_nodes")
    if not isinstance(calls, list) or len(calls) != 1:
        n_calls = len(calls) if isinstance(calls, list) else 0
        raise ImportRefused(f"{capital(what)} is used {n_calls} times; expected every layer to be used once.")
    arguments = _arguments(calls[0], what)
    names = [_tensor_name(argument, what) for argument in arguments]
    for name in names:
        if name is not None and name not in known:
            raise ImportRefused(f"{capital(what)} gets the output of {short(name)}, which does not come before it.")
    inputs = tuple(known[name] for name in names if name is not None)
    if not inputs:
        raise ImportRefused(f"{capital(what)} gets no tensor; expected the output of another layer.")
    if len(inputs) == len(names):
        return inputs, ()
    return inputs, tuple(
        None if name is not None else _number(argument, what) for name, argument in zip(names, arguments, strict=True)
    )


def _arguments(call: object, what: str) -> list[object]:
    if isinstance(call, list):  # tf.keras: [["name", 0, 0, {}], …]
        for tensor in call:
            if not (isinstance(tensor, list) and len(tensor) in {3, 4}):
                raise ImportRefused(f"The inputs of {what} cannot be read.")
            _check_options(tensor[3] if len(tensor) == 4 else {}, what)
        return [{"class_name": "__keras_tensor__", "config": {"keras_history": tensor[:3]}} for tensor in call]
    call = mapping(call, f"the call of {what}")
    _check_options(call.get("kwargs"), what)
    arguments = call.get("args")
    if not isinstance(arguments, list) or not arguments:
        raise ImportRefused(f"The inputs of {what} cannot be read.")
    if isinstance(arguments[0], list):
        if len(arguments) > 1:
            raise ImportRefused(f"{capital(what)} is called with more than a list of tensors.")
        return arguments[0]
    return arguments


def _check_options(options: object, what: str) -> None:
    for name, value in mapping({} if options is None else options, f"the call of {what}").items():
        if name not in _WITHOUT_EFFECT or not (value is None or isinstance(value, bool)):
            raise ImportRefused(f"{capital(what)} is called with {short(name)}={short(value)}; expected no options.")


def _tensor_name(argument: object, what: str) -> str | None:
    if not isinstance(argument, dict):
        return None
    config = argument.get("config")
    if argument.get("class_name") != "__keras_tensor__" or not isinstance(config, dict):
        raise ImportRefused(
            f"{capital(what)} is called with {short(argument.get('class_name'))}; expected tensors and numbers."
        )
    match config.get("keras_history"):
        case [str(name), 0, 0]:
            return name
    raise ImportRefused(f"{capital(what)} gets an output that cannot be told; expected the only one of a layer.")


def _number(argument: object, what: str) -> float:
    if isinstance(argument, bool) or not isinstance(argument, int | float):
        raise ImportRefused(f"{capital(what)} is called with {short(argument)}; expected tensors and numbers.")
    return float(argument)
