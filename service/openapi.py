"""The OpenAPI document: what FastAPI leaves out, and a command that keeps `openapi/openapi.json` current.

`python -m service.openapi` writes the file; with `--check` it only compares, and fails when they differ.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.errors import BodyTooLarge, BodyTypeUnsupported, JsonRejected
from service.problem_docs import problem_examples, problem_responses
from service.problems import Problem
from service.uploads import EncodedPictures

DOCUMENT = Path(__file__).parents[1] / "openapi" / "openapi.json"
TAGS = [
    {"name": "predict", "description": "Classify pictures."},
    {"name": "jobs", "description": "Train: start, follow, cancel."},
    {"name": "models", "description": "What was trained: versions, files, aliases."},
    {"name": "architectures", "description": "Networks on paper: presets, and a check for your own."},
    {"name": "datasets", "description": "What can be trained on."},
    {"name": "health", "description": "Is the service alive and ready?"},
]
NAMED_BY_HAND: tuple[type[BaseModel], ...] = (Problem, EncodedPictures)
"""Schemas that routes refer to where FastAPI cannot see it."""
NEVER_ANSWERED = ("HTTPValidationError", "ValidationError")
"""FastAPI's own error body, which no route here uses."""


def complete(app: FastAPI) -> None:
    """Make the application's document whole."""
    generate = app.openapi

    def whole_document() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _complete_operations(document["paths"])
            components = document.setdefault("components", {})
            _complete_schemas(components.setdefault("schemas", {}))
            components["examples"] = problem_examples()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = whole_document  # type: ignore[method-assign]


def _complete_operations(paths: dict[str, dict[str, Any]]) -> None:
    """Every route that reads a body may refuse it before the route's own code sees it."""
    refusals = problem_responses(JsonRejected, BodyTooLarge, BodyTypeUnsupported)
    for operation in (operation for path in paths.values() for operation in path.values()):
        if "requestBody" in operation:
            found = {str(status): entry for status, entry in refusals.items()} | operation["responses"]
            operation["responses"] = dict(sorted(found.items()))


def _complete_schemas(schemas: dict[str, Any]) -> None:
    for name in NEVER_ANSWERED:
        schemas.pop(name, None)
    _, found = models_json_schema(
        [(model, "validation") for model in NAMED_BY_HAND], ref_template="#/components/schemas/{model}"
    )
    schemas.update(found["$defs"])
    for name in sorted(schemas):
        schemas[name] = schemas.pop(name)


def document_text() -> str:
    """The document as the file holds it; the environment plays no part in it."""
    from service.app import create_app  # noqa: PLC0415 - the app needs this module to complete its document
    from service.settings import ApiSettings  # noqa: PLC0415

    document = create_app(ApiSettings.model_construct()).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m service.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    text = document_text()
    if parser.parse_args().check:
        if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("openapi/openapi.json is not current; run: python -m service.openapi\n")
        return 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
