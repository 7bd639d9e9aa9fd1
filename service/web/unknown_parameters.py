"""Refuses query parameters that a route does not know, as unknown fields of a body are refused.

A misspelt parameter would otherwise be ignored, and the answer would be to another question.
"""

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

MAX_NAMED = 10
"""Unknown parameters that one answer names."""
MAX_NAME = 64


async def _refuse_unknown_parameters(request: Request) -> None:
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = sorted({*_parameters(route.dependant), *_described(route)})
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        raise RequestValidationError([_fault(name, known) for name in unknown[:MAX_NAMED]])


REFUSE_UNKNOWN_PARAMETERS = Depends(_refuse_unknown_parameters)
"""For every route of the API's own; clients of the public protocols send parameters of their own."""


def _parameters(dependant: Dependant) -> Iterator[str]:
    """The query parameters of an endpoint and of what it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _parameters(dependency)


def _described(route: APIRoute) -> Iterator[str]:
    """The query parameters that an endpoint reads itself; its description lists them."""
    for parameter in (route.openapi_extra or {}).get("parameters", ()):
        if parameter["in"] == "query":
            yield parameter["name"]


def _fault(name: str, known: Collection[str]) -> dict[str, object]:
    return {"type": "extra_forbidden", "loc": ("query", name), "msg": f"Unknown parameter; {advice(name, known)}"}


def advice(name: str, known: Collection[str]) -> str:
    """What to write instead of an unknown name: the one that is most like it, or any of those that are known."""
    if not known:
        return "this address has none"
    written = name[:MAX_NAME].lower().replace("-", "_")
    similar = get_close_matches(written, known, n=1)
    return f"did you mean {similar[0]!r}?" if similar else f"expected {', '.join(known)}"
