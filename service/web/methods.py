"""The methods of an address: which ones it answers, and which one a client used."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

ASKED_METHOD = "convserve.asked_method"
"""Key of the client's method in the scope of a request that is answered as another method."""
MAX_CORRECTED = 256
"""Characters of an address for which a correction is looked for."""
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def asked_method(scope: Scope) -> str:
    """The method that the client used."""
    return str(scope.get(ASKED_METHOD, scope["method"]))


def allowed_methods(scope: Scope, routes: Iterable[BaseRoute]) -> list[str]:
    """The methods of all routes of an address. HEAD is answered wherever GET is.

    Args:
        scope: of a request for the address.
        routes: of the application.
    """
    address = {key: scope[key] for key in ("type", "path", "root_path", "headers") if key in scope}
    known = [*routes]
    found = [method for method in _METHODS if _is_answered({**address, "method": method}, known)]
    return sorted([*found, "HEAD"]) if "GET" in found else found


def corrected_address(scope: Scope, routes: Iterable[BaseRoute]) -> str | None:
    """The address that was probably meant where there is none: without the slashes that it has too many."""
    path = str(scope["path"])
    shorter = "/" + "/".join(filter(None, path.split("/")))
    if shorter == path or len(path) > MAX_CORRECTED:
        return None
    return shorter if allowed_methods({**scope, "path": shorter}, routes) else None


def _is_answered(scope: Scope, routes: Iterable[BaseRoute]) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in routes)
