"""Describes the tools as MCP lists them, with the arguments of their routes as the OpenAPI document has them.

Making the document takes 1.7 s of processor time. So `python -m service.cli.openapi` writes the descriptions into
`tools.json`, and a server reads that file when an agent first asks.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from service.agents.operations import OPERATIONS, Operation
from service.keys.callers import KeyScope
from service.keys.route_scopes import Route, scope_of

TOOLS_FILE = Path(__file__).with_name("tools.json")
LONGEST_WAIT_S, USUAL_WAIT_S = 50, 25
"""Many clients give up an answer after 60 s."""
MODEL = {
    "type": "string",
    "description": "`name` (its version `latest`), `name/3` or `name@alias`.",
    "examples": ["mine/1", "mine@production"],
}
PICTURE: dict[str, dict[str, Any]] = {
    "image": {"type": "string", "description": "The picture file in base64, or a `data:` URL."},
    "url": {"type": "string", "description": "Address of the picture; only where the server fetches pictures."},
    "dataset": {"type": "string", "description": "Instead: a dataset that the picture is taken from, with `index`."},
    "split": {"type": "string", "enum": ["train", "validation", "test"], "default": "test"},
    "index": {"type": "integer", "minimum": 0, "description": "Position of the picture in the split."},
}
TIMEOUT = {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": USUAL_WAIT_S}
IDEMPOTENCY = {"type": "string", "maxLength": 200, "description": "A repeated call with the same key starts nothing."}
NETWORK = {
    "type": "object",
    "properties": {"layers": {"type": "array", "items": {"type": "object"}}},
    "required": ["layers"],
    "description": "Layers with Keras's names, such as {'type': 'conv2d', 'filters': 16, 'kernel_size': 3, "
    "'activation': 'relu'}; the last one has `units` 'classes' and the activation 'softmax'.",
}
_LEFT_OUT = frozenset({"title", "discriminator", "pattern"})

Schema = dict[str, Any]


@cache
def tools() -> Mapping[str, Schema]:
    """The tools as MCP lists them, by name."""
    return {tool["name"]: tool for tool in json.loads(TOOLS_FILE.read_text(encoding="utf-8"))}


def tools_text(document: Mapping[str, Any]) -> str:
    """The content of `tools.json` for an OpenAPI document."""
    described = [describe(operation, document) for operation in OPERATIONS.values()]
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def needed_scope(operation: Operation) -> KeyScope:
    """The scope of a key that may use a tool."""
    return scope_of(Route(operation.method, operation.template))


def describe(operation: Operation, document: Mapping[str, Any]) -> Schema:
    """One tool, with the arguments that its route has in the document.

    Raises:
        KeyError: the document has no such route, or the route no such argument.
    """
    route = document["paths"][operation.template][operation.method.lower()]
    known: dict[str, Schema] = {each["name"]: each for each in route.get("parameters", ())}
    arguments = dict(_arguments(operation, known, document["components"]["schemas"]))
    required = [name for name, (_, is_required) in arguments.items() if is_required]
    return {
        "name": operation.name,
        "title": route["summary"],
        "description": operation.says,
        "inputSchema": {
            "type": "object",
            "properties": {name: schema for name, (schema, _) in arguments.items()},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        },
        "annotations": _hints(operation),
    }


def _arguments(
    operation: Operation, known: Mapping[str, Any], schemas: Mapping[str, Schema]
) -> Iterator[tuple[str, tuple[Schema, bool]]]:
    """Name, schema and whether it must be there, of each argument."""
    if operation.is_of_version:
        yield "model", (MODEL, not operation.is_asked_of_newest)
    else:
        for name in (name for name, each in known.items() if each["in"] == "path" and name not in operation.fixed):
            yield name, (_parameter(known[name], schemas), True)
    for name in operation.query:
        schema = _parameter(known[name], schemas)
        given = {"default": operation.defaults[name]} if name in operation.defaults else {}
        yield name, (schema | given, bool(known[name].get("required")))
    if operation.has_picture:
        yield from ((name, (schema, False)) for name, schema in PICTURE.items())
    if operation.whole_body is not None:
        yield operation.whole_body, (NETWORK, True)
    yield from _fields(operation, schemas)
    if operation.is_waited_for:
        yield "timeout_s", (TIMEOUT, False)
    if operation.changes and "idempotency-key" in known:
        yield "idempotency_key", (IDEMPOTENCY, False)


def _fields(operation: Operation, schemas: Mapping[str, Schema]) -> Iterator[tuple[str, tuple[Schema, bool]]]:
    bodies = (schemas["JobRequest"], schemas["GridRequest"], schemas["AliasTarget"])
    for name in operation.body:
        body = next(body for body in bodies if name in body["properties"])
        yield name, (_short(body["properties"][name], schemas), name in body.get("required", ()) and name != "grid")


def _parameter(parameter: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Schema:
    said = {"description": parameter["description"]} if "description" in parameter else {}
    return cast(Schema, _short(parameter["schema"], schemas)) | said


def _short(node: Any, schemas: Mapping[str, Schema]) -> Any:  # noqa: ANN401 - any part of a schema
    """A schema without references, without null for what may be missing anyway, and without what only programs read.

    Objects in objects are described in short. With all their fields the list of tools would be 50 kB instead of 30, and
    an agent's conversation carries it from beginning to end. What is wrong in them, the route says.
    """
    if isinstance(node, list):
        return [_short(each, schemas) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        found = _named(node["$ref"].rpartition("/")[2], schemas)
        return {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    kept = {key: _short(value, schemas) for key, value in node.items() if key not in _LEFT_OUT or key == "properties"}
    if "properties" in node:
        kept["properties"] = {name: _short(value, schemas) for name, value in node["properties"].items()}
    members = [each for each in kept.get("anyOf", ()) if each != {"type": "null"}]
    if len(members) == 1:
        del kept["anyOf"]
        return {**members[0], **kept}
    if members:
        kept["anyOf"] = members
    return kept


def _named(name: str, schemas: Mapping[str, Schema]) -> Schema:
    found = schemas[name]
    if name == "Architecture":
        return NETWORK
    if "properties" not in found:
        return cast(Schema, _short(found, schemas))
    about = str(found.get("description", "")).partition("\n")[0]
    fixed = {key: {"const": each["const"]} for key, each in found["properties"].items() if "const" in each}
    return {
        "type": "object",
        "description": f"{about} Fields: {', '.join(found['properties'])}.".lstrip(),
        **({"properties": fixed} if fixed else {}),
    }


def _hints(operation: Operation) -> Schema:
    if not operation.changes:
        return {"readOnlyHint": True, "openWorldHint": False}
    return {
        "readOnlyHint": False,
        "destructiveHint": operation.is_final,
        "idempotentHint": operation.name != "train",
        "openWorldHint": False,
    }
