"""Every route with ten kinds of caller: who gets in, and what the others are told."""

import functools
import itertools
import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service.app import ROUTES, create_app
from service.keys.gate import is_open
from service.keys.route_scopes import ROWS, Route, scope_of
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.keys.callers_of_tests import ADMITTED, REFUSED, ten_callers

pytestmark = pytest.mark.anyio

VALUES = {
    "version": "1",
    "picture_format": "png",
    "index": "1",
    "split": "test",
    "file": "manifest.json",
    "rest": "x:y",
}


@pytest.fixture
def guarded(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(settings.model_copy(update={"auth": "on", "metrics_open": False}), store)


@functools.cache
def document() -> dict[str, Any]:
    """Making it takes seconds."""
    return create_app(ApiSettings()).openapi()


def all_routes() -> list[Route]:
    """Those of the OpenAPI document, and those of the public protocols, which it leaves out."""
    documented = {
        Route(method.upper(), path) for path, operations in document()["paths"].items() for method in operations
    }
    routed = {
        Route(method, route.path)
        for module in ROUTES
        for route in module.router.routes
        for method in sorted(route.methods)
    }
    return sorted(documented | routed)


def path_of(template: str) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda field: VALUES.get(field[1], "x"), template)


async def test_every_route_lets_in_who_may_and_tells_the_others_why(guarded: FastAPI, store: ModelStore) -> None:
    transport, numbers = httpx.ASGITransport(guarded), itertools.count(1)
    async with (
        guarded.router.lifespan_context(guarded),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):

        async def ask(route: Route, token: str) -> httpx.Response:
            number = next(numbers)
            transport.client = (f"10.0.{number >> 8}.{number & 255}", 1)  # wrong keys are counted per address
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return await client.request(route.method, path_of(route.template), headers=headers)

        tokens = ten_callers(store)
        for route in all_routes():
            opens, needed = is_open(route), scope_of(route)
            for kind in REFUSED:
                answer = await ask(route, tokens[kind])
                assert (answer.status_code == 401) is not opens, (route, kind, answer.status_code)
                if not opens:
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            for kind, scope in ADMITTED.items():
                answer = await ask(route, tokens[kind])
                assert answer.status_code != 401, (route, kind)
                is_refused = answer.status_code == 403 and "scope" in answer.text
                assert is_refused is not (opens or scope.includes(needed)), (route, kind, answer.text)
                if is_refused:
                    assert f"`{needed}`" in answer.text


def test_every_route_has_a_row_or_is_open() -> None:
    assert [route for route in all_routes() if route not in ROWS and not is_open(route)] == []


def test_the_document_says_how_keys_are_sent_and_which_scope_each_route_needs() -> None:
    schemes = document()["components"]["securitySchemes"]
    assert [scheme.get("scheme") or scheme["name"] for scheme in schemes.values()] == ["bearer", "X-API-Key", "basic"]
    assert document()["security"] == [{}, *({name: []} for name in schemes)]
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            if is_open(Route(method.upper(), path)):
                assert operation["security"] == []
            elif path != "/metrics":
                assert operation["x-required-scope"] == scope_of(Route(method.upper(), path))
                assert {"401", "403", "429"} <= set(operation["responses"])
