"""The one table that says which scope a route needs.

A route that has no row needs `read` for GET and HEAD, and `train` for every other method. A test demands a row for
every route, so that the default only decides for a route that is being written.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from starlette.routing import compile_path

from service.keys.callers import KeyScope
from service.web.doors import SAFE_METHODS

PREDICT, READ, TRAIN, ADMIN = KeyScope
PATHS_REMEMBERED = 1024
MAX_REMEMBERED_PATH = 256

_SCOPES: dict[KeyScope, str] = {
    PREDICT: """
        POST PUT  /predict
        POST PUT  /models/{name}/predict
        POST PUT  /models/{name}/versions/{version}/predict
        POST PUT  /models/{name}/aliases/{alias}/predict
        POST      /models/{name}/feedback
        POST      /models/{name}/versions/{version}/feedback
        POST      /models/{name}/aliases/{alias}/feedback
        POST      /
        POST      /models/{name}
        POST      /models/{name}@{alias}
        POST      /models/{name}/versions/{version}
        GET       /me
        GET       /ping
        GET       /health
        POST      /invocations
        POST      /mcp
        GET       /vertex/health
        POST      /vertex/predict
        GET       /v1/models/{model}
        GET       /v1/models/{model}/metadata
        GET       /v1/models/{model}/versions/{version}
        GET       /v1/models/{model}/versions/{version}/metadata
        GET       /v1/models/{model}/labels/{label}
        GET       /v1/models/{model}/labels/{label}/metadata
        POST      /v1/models/{model}:predict
        POST      /v1/models/{model}:classify
        POST      /v1/models/{model}:regress
        POST      /v1/models/{model}/versions/{version}:predict
        POST      /v1/models/{model}/versions/{version}:classify
        POST      /v1/models/{model}/versions/{version}:regress
        POST      /v1/models/{model}/labels/{label}:predict
        POST      /v1/models/{model}/labels/{label}:classify
        POST      /v1/models/{model}/labels/{label}:regress
        GET POST  /v1/models/{rest:path}
        GET       /v2
        GET       /v2/health/live
        GET       /v2/health/ready
        GET       /v2/models/{model}
        GET       /v2/models/{model}/ready
        GET       /v2/models/{model}/versions/{version}
        GET       /v2/models/{model}/versions/{version}/ready
        POST      /v2/models/{model}/infer
        POST      /v2/models/{model}/versions/{version}/infer
    """,
    READ: """
        POST      /v2/repository/index
        GET       /jobs
        GET       /jobs/{job_id}
        GET       /jobs/{job_id}/log
        GET       /jobs/{job_id}/predictions
        GET       /jobs/{job_id}/curves.{picture_format}
        GET       /jobs/{job_id}/tensorboard
        GET       /jobs/{job_id}/events
        GET       /events
        GET       /workers
        GET       /groups
        GET       /groups/{group_id}
        GET       /compare
        GET       /compare.{picture_format}
        GET       /models
        GET       /models/{name}
        GET       /models/{name}/versions/{version}
        GET       /models/{name}/versions/{version}/files/{file}
        GET       /models/{name}/versions/{version}/summary
        GET       /models/{name}/versions/{version}/mistakes
        GET       /models/{name}/aliases/{alias}/mistakes
        GET       /models/{name}/versions/{version}/mistakes.png
        GET       /models/{name}/aliases/{alias}/mistakes.png
        GET       /models/{name}/versions/{version}/doctor
        GET       /models/{name}/aliases/{alias}/doctor
        GET       /models/{name}/versions/{version}/layers
        GET       /models/{name}/versions/{version}/layers/{layer}/kernels
        GET       /models/{name}/versions/{version}/layers/{layer}/kernels.png
        GET       /models/{name}/aliases/{alias}/layers
        GET       /models/{name}/aliases/{alias}/layers/{layer}/kernels
        GET       /models/{name}/aliases/{alias}/layers/{layer}/kernels.png
        POST      /models/{name}/versions/{version}/maps
        POST      /models/{name}/versions/{version}/explain
        POST      /models/{name}/versions/{version}/what-if
        POST      /models/{name}/aliases/{alias}/maps
        POST      /models/{name}/aliases/{alias}/explain
        POST      /models/{name}/aliases/{alias}/what-if
        GET       /models/{name}/versions/{version}/film
        GET       /models/{name}/versions/{version}/film.png
        GET       /models/{name}/aliases/{alias}/film
        GET       /models/{name}/aliases/{alias}/film.png
        GET       /models/{name}/versions/{version}/report.html
        GET       /models/{name}/versions/{version}/README.md
        GET       /models/{name}/versions/{version}/MLmodel
        GET       /models/{name}/aliases/{alias}/MLmodel
        GET       /models/{name}/versions/{version}/exports
        GET       /models/{name}/aliases/{alias}/exports
        GET       /models/{name}/versions/{version}/diagram.svg
        GET       /models/{name}/aliases/{alias}/report.html
        GET       /models/{name}/aliases/{alias}/README.md
        GET       /models/{name}/aliases/{alias}/diagram.svg
        GET       /models/{name}/feedback
        GET       /models/{name}/versions/{version}/feedback
        GET       /models/{name}/aliases/{alias}/feedback
        GET       /models/{name}/feedback/{feedback_id}/picture
        GET       /models/{name}/aliases
        GET       /models/{name}/aliases/{alias}
        GET       /models/{name}/aliases/{alias}/history
        GET       /architectures
        GET       /architectures/{name}
        GET       /architectures/{name}/diagram.svg
        GET       /leaderboard
        POST      /architectures/check
        POST PUT  /convolve
        OPTIONS   /uploads
        GET       /datasets
        GET       /datasets/{name}
        GET       /datasets/{name}/preview.png
        GET       /datasets/{name}/croissant.json
        GET       /datasets/{name}/pictures
        GET       /datasets/{name}/pictures/{split}/{index}.png
        GET       /metrics
    """,
    TRAIN: """
        POST      /setup
        POST      /webhook
        POST      /jobs
        POST      /models/{name}/versions/{version}/record
        POST      /models/{name}/aliases/{alias}/record
        POST      /models/{name}/versions/{version}/exports
        POST      /models/{name}/aliases/{alias}/exports
        POST      /models/{name}/versions/{version}/predictions
        POST      /models/{name}/aliases/{alias}/predictions
        POST      /jobs/cancel
        DELETE    /jobs
        POST      /jobs/{job_id}/cancel
        POST      /jobs/{job_id}/finish
        DELETE    /jobs/{job_id}
        POST      /groups/{group_id}/cancel
        POST      /groups/{group_id}/jobs
        POST      /models
        POST      /datasets
        DELETE    /datasets/{name}
        POST      /datasets/{name}/pictures
        POST      /uploads
        GET       /uploads/{upload}
        PATCH     /uploads/{upload}
        DELETE    /uploads/{upload}
        DELETE    /datasets/{name}/versions/{version}
        POST      /models/{name}/feedback/collect
        DELETE    /models/{name}/feedback
        DELETE    /models/{name}/feedback/{feedback_id}
        DELETE    /models/{name}
        DELETE    /models/{name}/versions/{version}
        PUT       /models/{name}/aliases/{alias}
        DELETE    /models/{name}/aliases/{alias}
    """,
    ADMIN: """
        POST      /retention
        POST      /keys
        GET       /keys
        DELETE    /keys/{name}
        POST      /v2/repository/models/{model}/load
        POST      /v2/repository/models/{model}/unload
    """,
}


class Route(NamedTuple):
    """A method and the template of an address, such as `GET` and `/jobs/{job_id}`."""

    method: str
    template: str


def _rows() -> dict[Route, KeyScope]:
    rows: dict[Route, KeyScope] = {}
    for scope, text in _SCOPES.items():
        for line in text.split("\n"):
            *methods, template = line.split() or [""]
            rows.update({Route(method, template): scope for method in methods})
    return rows


ROWS: Mapping[Route, KeyScope] = _rows()
"""The table: by method and template."""


def scope_of(route: Route) -> KeyScope:
    """The scope that a route needs."""
    by_method = READ if route.method in SAFE_METHODS else TRAIN
    return ROWS.get(route, by_method)


class RouteScopes:
    """Tells from a request's method and path which scope it needs, before its body is read.

    Args:
        routes: of the application, in the order in which they are tried.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, compile_path(route.template)[0]) for route in routes]
        self._remembered = lru_cache(PATHS_REMEMBERED)(self._find)

    def route_at(self, method: str, path: str) -> Route | None:
        """The route that answers a request; None where there is none. HEAD is answered wherever GET is."""
        asked = "GET" if method == "HEAD" else method
        return self._remembered(asked, path) if len(path) <= MAX_REMEMBERED_PATH else self._find(asked, path)

    def needed(self, method: str, path: str) -> KeyScope | None:
        """The scope that a request needs; None where there is no route."""
        route = self.route_at(method, path)
        return None if route is None else scope_of(route)

    def _find(self, method: str, path: str) -> Route | None:
        found = (route for route, pattern in self._routes if route.method == method and pattern.match(path))
        return next(found, None)
