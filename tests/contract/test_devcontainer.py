"""The development container: only fields that its specification has, and only commands that the Makefile has."""

import json
import re
from typing import Any

import jsonschema
import pytest

from tests.paths import PROJECT

FOLDER = PROJECT / ".devcontainer"
TEXT = {"type": "string"}
FIELDS: dict[str, Any] = {
    "name": TEXT,
    "build": {
        "type": "object",
        "required": ["dockerfile"],
        "properties": {"dockerfile": TEXT, "context": TEXT},
        "additionalProperties": False,
    },
    "remoteUser": TEXT,
    "hostRequirements": {
        "type": "object",
        "properties": {
            "cpus": {"type": "integer", "minimum": 1},
            "memory": {"type": "string", "pattern": r"^\d+([tgmk]b)?$"},
            "storage": {"type": "string", "pattern": r"^\d+([tgmk]b)?$"},
        },
        "additionalProperties": False,
    },
    "postCreateCommand": TEXT,
    "forwardPorts": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65535}},
    "portsAttributes": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "label": TEXT,
                "onAutoForward": {
                    "enum": ["notify", "openBrowser", "openBrowserOnce", "openPreview", "silent", "ignore"]
                },
                "protocol": {"enum": ["http", "https"]},
            },
            "additionalProperties": False,
        },
    },
    "customizations": {"type": "object"},
}
"""The fields of the specification's schema that are used here, each with what it may be."""


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "devcontainer.json").read_text())
    return found


def test_every_field_is_one_of_the_specification(container: dict[str, Any]) -> None:
    jsonschema.validate(container, {"type": "object", "properties": FIELDS, "additionalProperties": False})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(container | {"forwardPort": 8000}, {"properties": FIELDS, "additionalProperties": False})


def test_what_it_names_exists(container: dict[str, Any]) -> None:
    text = (FOLDER / container["build"]["dockerfile"]).read_text()
    assert f"USER {container['remoteUser']}" in text
    assert {str(port) for port in container["forwardPorts"]} == container["portsAttributes"].keys()
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    make, *named = container["postCreateCommand"].split()
    assert make == "make"
    assert set(named) <= targets
