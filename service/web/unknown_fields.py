"""Says which field of a JSON body was probably meant, when a body has one that its route does not know."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Scope

from service.web.unknown_parameters import advice

_PYDANTICS_WORDS = "Extra inputs are not permitted"


def with_advice(found: Mapping[str, Any], scope: Scope | None) -> Mapping[str, Any]:
    """An error of pydantic; one about an unknown field gets a message that names the field that was probably meant.

    Args:
        found: the error.
        scope: of the request, whose route has the model of the body.
    """
    loc, route = found["loc"], None if scope is None else scope.get("route")
    if found.get("type") != "extra_forbidden":
        return found
    if loc[:1] == ("body",) and isinstance(route, APIRoute) and route.body_field is not None:
        known = sorted({name for model in _models_at(route, loc[1:-1]) for name in model.model_fields})
        if known:
            return {**found, "msg": f"Unknown field; {advice(str(loc[-1]), known)}"}
    return {**found, "msg": "Unknown field"} if found["msg"] == _PYDANTICS_WORDS else found


def _models_at(route: APIRoute, steps: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The models that the part of the body at this path may have.

    Steps that are no field of any of them, such as a place in a list or the tag of a union, stay where they are.
    """
    models = [] if route.body_field is None else [*_models_in(route.body_field.field_info.annotation)]
    for step in steps:
        fields = [model.model_fields[step] for model in models if step in model.model_fields]
        models = [inner for field in fields for inner in _models_in(field.annotation)] if fields else models
    return models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
