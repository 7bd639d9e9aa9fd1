"""Registers routes below a version twice: for its number, and for an alias that points at it."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from model_store import AliasNotFound, ArtifactCorrupt, Manifest, ModelNotFound, StoreUnavailable, VersionNotFound
from service.deps import AliasName, ModelName, VersionNumber, state_of
from service.errors import VersionPassedOver
from service.models.index import Reference
from service.web.problem_docs import problem_responses

Endpoint = Callable[..., Awaitable[Any]]
NAMED = (ModelNotFound, VersionNotFound, AliasNotFound, ArtifactCorrupt, VersionPassedOver, StoreUnavailable)
"""The errors of finding the version, which any route below one may answer with."""


async def _by_number(name: ModelName, version: VersionNumber, request: Request) -> Manifest:
    return await state_of(request).catalog.resolve(Reference(name, version=version))


async def _by_alias(name: ModelName, alias: AliasName, request: Request) -> Manifest:
    return await state_of(request).catalog.resolve(Reference(name, alias=alias))


OfVersion = Annotated[Manifest, Depends(_by_number)]
OfAlias = Annotated[Manifest, Depends(_by_alias)]
_TARGETS = (("/versions/{version}", OfVersion, "", ""), ("/aliases/{alias}", OfAlias, ", by alias", "_behind_an_alias"))
"""Path, dependency, and what the summary and the name of the route end with."""


def of_version(
    router: APIRouter,
    ending: str,
    *,
    summary: str,
    errors: tuple[type[Exception], ...] = (),
    responses: dict[int | str, dict[str, Any]] | None = None,
    methods: tuple[str, ...] = ("GET",),
    **options: Any,  # noqa: ANN401 - FastAPI's
) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint whose parameter `manifest` is the version that the path names.

    Args:
        router: with the prefix `/models/{name}`.
        ending: of the path, such as `/doctor`.
        summary: of the route with a number; the other one says in addition that it goes through an alias.
        errors: that the endpoint may raise, besides those of finding the version.
        responses: more for the OpenAPI document.
        methods: HTTP methods.
        options: as of `APIRouter.add_api_route`.
    """

    def register(endpoint: Endpoint) -> Endpoint:
        for target, dependency, summary_end, name_end in _TARGETS:
            router.add_api_route(
                target + ending,
                _with_version(endpoint, dependency, name_end),
                methods=list(methods),
                summary=summary + summary_end,
                responses={**problem_responses(*dict.fromkeys((*NAMED, *errors))), **(responses or {})},
                **options,
            )
        return endpoint

    return register


def _with_version(endpoint: Endpoint, dependency: Any, name_end: str) -> Endpoint:  # noqa: ANN401 - an annotation
    @wraps(endpoint)
    async def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the endpoint takes
        return await endpoint(*arguments, **named)

    signature = inspect.signature(endpoint)
    parameters = [
        parameter.replace(annotation=dependency) if parameter.name == "manifest" else parameter
        for parameter in signature.parameters.values()
    ]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # FastAPI reads it
    call.__name__ = endpoint.__name__ + name_end
    return call
