"""Which scope a route needs: every route has a row, and a request finds the row of its route."""

import pytest

from service.app import ROUTES
from service.keys.callers import ANYONE, LOCAL, Caller, KeyScope
from service.keys.route_scopes import ROWS, Route, RouteScopes, scope_of

ROUTED = [
    Route(method, route.path) for module in ROUTES for route in module.router.routes for method in sorted(route.methods)
]


def test_every_row_is_a_route() -> None:
    assert set(ROWS) - set(ROUTED) == set()


def test_a_route_without_a_row_can_be_read_with_read_and_changed_with_train() -> None:
    assert scope_of(Route("GET", "/new")) is KeyScope.READ
    assert scope_of(Route("POST", "/new")) is KeyScope.TRAIN


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/predict", KeyScope.PREDICT),
        ("POST", "/models/a/versions/1/predict", KeyScope.PREDICT),
        ("POST", "/v1/models/a/labels/b:predict", KeyScope.PREDICT),
        ("HEAD", "/models/a", KeyScope.READ),
        ("POST", "/architectures/check", KeyScope.READ),
        ("DELETE", "/models/a", KeyScope.TRAIN),
        ("POST", "/v2/repository/models/a/unload", KeyScope.ADMIN),
        ("POST", "/nothing", None),
        ("PATCH", "/jobs", None),
        ("GET", "/jobs/" + "x" * 5000, KeyScope.READ),
    ],
)
def test_a_request_needs_the_scope_of_its_route(method: str, path: str, needed: KeyScope | None) -> None:
    assert RouteScopes(ROUTED).needed(method, path) is needed


def test_each_scope_contains_the_ones_before() -> None:
    for rank, scope in enumerate(KeyScope):
        assert Caller("ada", scope).scopes == list(KeyScope)[: rank + 1]
    assert ANYONE.scopes == []


def test_things_are_changed_by_their_owner_or_by_an_admin() -> None:
    ada = Caller("ada", KeyScope.TRAIN)
    assert ada.may_change("ada")
    assert not ada.may_change("ben")
    assert not Caller("ada", KeyScope.READ).may_change("ada")
    assert LOCAL.may_change("ben")
