"""How the OpenAPI document describes keys: the ways to send one, the scope that each route needs, and the refusals."""

from typing import Any

from service.keys.gate import METRICS_PATH, is_open
from service.keys.route_scopes import Route, scope_of
from service.web.key_errors import KeyMissing, ScopeMissing, TooManyFailures
from service.web.problem_docs import problem_responses

SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`X-API-Key: KEY`"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as the password; the user name is ignored."},
}
SCOPE_FIELD = "x-required-scope"
REFUSALS = problem_responses(KeyMissing, ScopeMissing, TooManyFailures)
"""By status; the entry for 422 is not one of them."""
STATUSES = (401, 403, 429)


def describe_keys(document: dict[str, Any]) -> None:
    """Complete a document: keys are optional in it, since a server on a loopback address needs none."""
    document.setdefault("components", {})["securitySchemes"] = SCHEMES
    document["security"] = [{}, *({name: []} for name in SCHEMES)]
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            route = Route(method.upper(), template)
            if is_open(route):
                operation["security"] = []
                continue
            if template != METRICS_PATH:
                operation[SCOPE_FIELD] = scope_of(route).value
            _add_refusals(operation["responses"])


def _add_refusals(responses: dict[str, Any]) -> None:
    for status in STATUSES:
        ours, theirs = REFUSALS[status], responses.get(str(status))
        responses[str(status)] = ours if theirs is None else _merged(theirs, ours)
    ordered = dict(sorted(responses.items()))
    responses.clear()
    responses.update(ordered)


def _merged(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """One entry that names the errors of both."""
    kind = next(iter(ours["content"]))
    content = theirs.get("content", {}).get(kind, {})
    examples = {**content.get("examples", {}), **ours["content"][kind]["examples"]}
    return {
        **theirs,
        "description": f"{theirs['description']}; {ours['description']}",
        "content": {**theirs.get("content", {}), kind: {**ours["content"][kind], "examples": examples}},
    }
