"""Applications whose routes are worked out once per process, and not once per test.

FastAPI reads the parameters of a route and builds their validators when a request first comes near the route in an
application: up to 0.4 s of processor time, which each test with an application of its own would spend again.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, cast

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route

from model_store import ModelStore
from service.app import create_app
from service.settings import ApiSettings

Overrides = dict[Callable[..., Any], Callable[..., Any]]
_included: dict[int, BaseRoute] = {}
"""The routers of the first application, by their place. They are those of every other: no setting changes them."""


def app_of(settings: ApiSettings, store: ModelStore | None = None) -> FastAPI:
    """An application like `create_app`'s; a test that overrides its dependencies needs one of `create_app`."""
    app = create_app(settings, store)
    routes = app.router.routes
    for place, route in enumerate(routes):
        if not isinstance(route, (Route, Mount)):
            routes[place] = _included.setdefault(place, route)
    app.dependency_overrides = cast(Overrides, MappingProxyType({}))  # the first application's routes ignore others
    return app
