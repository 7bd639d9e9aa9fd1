"""Adds what FastAPI omits from the OpenAPI document. `service.cli.openapi` writes the document to its file."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.errors import BodyTooLarge, BodyTypeUnsupported, JsonRejected
from service.keys.documented import describe_keys
from service.predict.convolving import ConvolveCall
from service.predict.encoded_pictures import EncodedPictures
from service.protocols.hub_calls import HubCall
from service.routes.mcp import RpcMessage
from service.web.methods import allowed_methods
from service.web.problem_docs import problem_examples, problem_responses
from service.web.problems import Problem

TAGS = [
    {"name": "predict", "description": "Classify pictures."},
    {"name": "feedback", "description": "Say what should have been answered, and train on it."},
    {"name": "jobs", "description": "Train: start, follow, cancel."},
    {"name": "models", "description": "What was trained: versions, files, aliases."},
    {"name": "inside", "description": "Look inside a network: layers, kernels, maps, why an answer, and what if."},
    {"name": "architectures", "description": "Networks on paper: presets, and a check for your own."},
    {"name": "datasets", "description": "What can be trained on."},
    {"name": "other clients", "description": "What clients of hubs and clouds ask for, in their own words."},
    {"name": "agents", "description": "For language models and the programs that they lead."},
    {"name": "keys", "description": "Who may do what: make and revoke keys."},
    {"name": "health", "description": "Is the service alive and ready?"},
]
NAMED_BY_HAND: tuple[type[BaseModel], ...] = (Problem, EncodedPictures, ConvolveCall, HubCall, RpcMessage)
"""Schemas that routes reference in ways FastAPI does not see."""
FORM, JSON = "multipart/form-data", "application/json"
NEVER_ANSWERED = ("HTTPValidationError", "ValidationError")
"""Schemas of FastAPI's own error body, which no route here uses."""


def complete(app: FastAPI, paths: Sequence[str]) -> None:
    """Complete the application's document.

    Args:
        app: the application.
        paths: of all its routes, in the order of the document, which is not the order in which they are tried.
    """
    generate = app.openapi

    def whole_document() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            document["paths"] = {path: document["paths"][path] for path in paths if path in document["paths"]}
            _complete_operations(document["paths"])
            _document_json_at_put(document["paths"], app)
            _name_forms_first(document["paths"])
            _write_parameters_as_text(document["paths"])
            describe_keys(document)
            components = document.setdefault("components", {})
            _complete_schemas(components.setdefault("schemas", {}))
            _name_constants(components["schemas"])
            _tell_defaults_of_unions(components["schemas"])
            components["examples"] = problem_examples()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = whole_document  # type: ignore[method-assign]


def _operations(paths: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (operation for path in paths.values() for operation in path.values())


def _complete_operations(paths: dict[str, dict[str, Any]]) -> None:
    """Document the refusals of `BodyGuard` on every route that reads a body."""
    refusals = problem_responses(JsonRejected, BodyTooLarge, BodyTypeUnsupported)
    for operation in _operations(paths):
        if "requestBody" in operation:
            found = {str(status): entry for status, entry in refusals.items()} | operation["responses"]
            operation["responses"] = dict(sorted(found.items()))


def _document_json_at_put(paths: dict[str, dict[str, Any]], app: FastAPI) -> None:
    """Document the JSON body of a form's route at its `PUT`, which is answered like `POST`.

    Clients that openapi-generator makes send JSON wherever an operation has it: they would send a form's fields as an
    empty body.
    """
    for path, operations in paths.items():
        form = operations.get("post", {})
        content = form.get("requestBody", {}).get("content", {})
        if not {FORM, JSON} <= content.keys() or "PUT" not in _methods(path, app):
            continue
        other = copy.deepcopy(form)
        del content[JSON], other["requestBody"]["content"][FORM]
        other["operationId"] += "_by_put"
        other["summary"] += ": JSON, or one picture"
        operations["put"] = other


def _name_forms_first(paths: dict[str, dict[str, Any]]) -> None:
    """Put a form before the other media types of a body.

    openapi-generator 7 makes Java for the first media type. When a form comes later, it imports a class for the form
    and does not write that class.
    """
    for operation in _operations(paths):
        content = operation.get("requestBody", {}).get("content", {})
        if FORM in content:
            others = {media_type: content.pop(media_type) for media_type in list(content) if media_type != FORM}
            content.update(others)


def _write_parameters_as_text(paths: dict[str, dict[str, Any]]) -> None:
    """Describe a query parameter of several types, such as a number or `auto`, as text, which it is in an address.

    openapi-generator 7 makes Java of the types that fails unless the parameter is given, and openapi-python-client 0.29
    makes a client that takes only the word.
    """
    for operation in _operations(paths):
        for schema in (parameter["schema"] for parameter in operation.get("parameters", ())):
            if _is_union_of_values(schema):
                del schema["anyOf"]
                schema["type"] = "string"
                schema["examples"] = [str(example) for example in schema.get("examples", ())]


def _methods(path: str, app: FastAPI) -> list[str]:
    return allowed_methods({"type": "http", "path": path, "root_path": "", "headers": []}, app.routes)


def _complete_schemas(schemas: dict[str, Any]) -> None:
    for name in NEVER_ANSWERED:
        schemas.pop(name, None)
    _, found = models_json_schema(
        [(model, "validation") for model in NAMED_BY_HAND], ref_template="#/components/schemas/{model}"
    )
    schemas.update(found["$defs"])
    for name in sorted(schemas):
        schemas[name] = schemas.pop(name)


def _name_constants(node: object) -> None:
    """Write each constant of a union, such as `"test"` or a number, as an enumeration of one value.

    The two mean the same, but openapi-python-client 0.29 makes of a constant in a union a client that takes only the
    constant. A number that is a constant outside a union is written in the same way, because the client would have
    Python for it that newer versions refuse (`1and`). A constant that is true or false becomes any boolean:
    openapi-generator 7 makes Java of an enumeration of booleans that does not compile.
    """
    if isinstance(node, list):
        for item in node:
            _name_constants(item)
    if not isinstance(node, dict):
        return
    for member in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        if "const" in member:
            _name_constant(member)
    if isinstance(node.get("const"), int):
        _name_constant(node)
    for value in node.values():
        _name_constants(value)


def _name_constant(schema: dict[str, Any]) -> None:
    value = schema.pop("const")
    if not isinstance(value, bool):
        schema["enum"] = [value]


def _tell_defaults_of_unions(node: object) -> None:
    """Write the default of a union, such as `[2, 2]` beside a number, into the description instead.

    openapi-generator 7 makes Java of it that does not compile. It does understand the default of one type or null.
    """
    for value in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
        _tell_defaults_of_unions(value)
    if isinstance(node, dict) and _is_union(node) and node.get("default") is not None:
        said = f"Default: {_in_words(node.pop('default'))}."
        node["description"] = f"{node['description']} {said}" if "description" in node else said


def _is_union(schema: dict[str, Any]) -> bool:
    """Whether a schema allows several types, null not counted, or lists beside null."""
    return _is_union_of_values(schema) or any(member.get("type") == "array" for member in schema.get("anyOf", ()))


def _is_union_of_values(schema: dict[str, Any]) -> bool:
    """Whether a schema allows several types, null not counted."""
    return len([member for member in schema.get("anyOf", ()) if member.get("type") != "null"]) > 1


def _in_words(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else str(value)
