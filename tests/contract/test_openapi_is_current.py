"""The OpenAPI document: current, the package's own version on it, and something said about everything in it."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from service.cli.openapi import DOCUMENT, document_text
from worker.patterns import WORDS

# As it is committed: the first test compares it with the application, which takes 1.5 s of each process of the tests to
# describe itself.
DOCUMENT_NOW: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
PYPROJECT = DOCUMENT.parents[1] / "pyproject.toml"


OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT_NOW["paths"].items()
    for method, operation in methods.items()
]


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_committed_document_is_the_app_s_own() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document_text(), "run: python -m service.cli.openapi"


def test_no_two_models_share_a_name() -> None:
    """FastAPI then names them after their modules, and openapi-python-client drops both with all that uses them."""
    assert [name for name in DOCUMENT_NOW["components"]["schemas"] if "__" in name] == []


def test_the_document_has_the_package_s_version() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert DOCUMENT_NOW["info"]["version"] == project["version"]


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT_NOW):
        node = DOCUMENT_NOW
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_every_route_is_described(name: str, operation: dict[str, Any]) -> None:
    assert operation["summary"], name
    assert operation["description"], name
    assert operation["tags"], name
    assert "422" in operation["responses"]
    assert "500" in operation["responses"]


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_errors_are_problems(name: str, operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status >= "400" and not (name == "GET /readyz" and status == "503"):
            assert list(response["content"]) == ["application/problem+json"], (name, status)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_bodies_have_examples(name: str, operation: dict[str, Any]) -> None:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content and "multipart/form-data" not in content:
        schema = content["application/json"]
        properties = schema["schema"].get("$ref", "").rpartition("/")[2]
        fields = DOCUMENT_NOW["components"]["schemas"].get(properties, {}).get("properties", {})
        assert schema.get("examples") or schema.get("example") or any("examples" in f for f in fields.values()), name


def patterns(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for value in node.values():
            yield from patterns(value)
    elif isinstance(node, list):
        for value in node:
            yield from patterns(value)


OWN_MESSAGE = {
    r"^\d{1,3}(x\d{1,3})?$",  # `image_size` of an upload, which a function reads
    r"^[0-9a-f]{64}$",  # a checksum, in answers only
    r"^[a-z0-9-]{1,63}$",  # where the file of an import is, in answers only
}


def test_every_pattern_of_a_request_has_words_for_its_error() -> None:
    assert set(patterns(DOCUMENT_NOW)) - OWN_MESSAGE <= set(WORDS)


def unions(node: object) -> Iterator[list[dict[str, Any]]]:
    if isinstance(node, dict):
        yield from (node[key] for key in ("anyOf", "oneOf") if isinstance(node.get(key), list))
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from unions(value)


def test_a_union_has_no_constant() -> None:
    """openapi-python-client would make a client that takes nothing but the constant."""
    members = [member for union in unions(DOCUMENT_NOW["components"]["schemas"]) for member in union]
    assert not [member for member in members if "const" in member]
    assert {"type": "string", "enum": ["classes"]} in members


def kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]


def test_no_default_of_a_union_is_a_list() -> None:
    """openapi-generator would make Java of it that does not compile."""
    schemas = DOCUMENT_NOW["components"]["schemas"]
    fields = [field for schema in schemas.values() for field in schema.get("properties", {}).values()]
    assert not [field for field in fields if "anyOf" in field and isinstance(field.get("default"), list)]
    assert schemas["MaxPooling2D"]["properties"]["pool_size"]["description"] == "Default: [2, 2]."


def test_a_union_of_several_types_tells_its_default_in_words() -> None:
    """openapi-generator would make Java of it that does not compile."""
    schemas = DOCUMENT_NOW["components"]["schemas"]
    fields = [field for schema in schemas.values() for field in schema.get("properties", {}).values()]
    assert not [field for field in fields if len(kinds(field)) > 1 and field.get("default") is not None]
    assert schemas["ConvolveCall"]["properties"]["kernel"]["description"].endswith(" Default: `edge`.")
    assert schemas["PixelScaling"]["properties"]["scale"]["description"].endswith(" Default: 1.0.")


def test_no_enumeration_is_of_booleans_and_no_constant_is_a_number() -> None:
    """openapi-generator makes Java of the one that does not compile, openapi-python-client Python of the other."""

    def schemas(node: object) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            yield node
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from schemas(value)

    found = list(schemas(DOCUMENT_NOW["components"]["schemas"]))
    assert not [each for each in found if each.get("type") == "boolean" and "enum" in each]
    assert not [each for each in found if isinstance(each.get("const"), int)]
    assert {"type": "boolean"} in DOCUMENT_NOW["components"]["schemas"]["PictureAnswer"]["properties"]["unusual"][
        "anyOf"
    ]


def test_a_form_is_the_first_body_and_a_parameter_has_one_type() -> None:
    """openapi-generator would make Java that does not compile, or that fails when the parameter is left out."""
    operations = [operation for path in DOCUMENT_NOW["paths"].values() for operation in path.values()]
    bodies = [list(operation.get("requestBody", {}).get("content", ())) for operation in operations]
    forms = [body for body in bodies if "multipart/form-data" in body]
    assert len(forms) > 10
    assert {body[0] for body in forms} == {"multipart/form-data"}
    schemas = [parameter["schema"] for operation in operations for parameter in operation.get("parameters", ())]
    assert not [schema for schema in schemas if len(kinds(schema)) > 1]


def test_an_operation_with_a_form_has_no_json() -> None:
    """Clients of openapi-generator would send JSON, and no form."""
    for path, operations in DOCUMENT_NOW["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        if path.endswith("/predict") and "multipart/form-data" in content:
            assert "application/json" not in content
            assert "application/json" in operations["put"]["requestBody"]["content"]


def test_a_name_that_stands_for_an_object_fits_the_schema() -> None:
    fields = DOCUMENT_NOW["components"]["schemas"]["JobRequest"]["properties"]
    for field, name in (("optimizer", "adam"), ("learning_rate_schedule", "cosine")):
        assert any(name in kind.get("enum", ()) for kind in fields[field]["anyOf"])
