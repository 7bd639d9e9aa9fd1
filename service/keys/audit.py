"""One log line for every request that changes something: when, whose key, what was done, to what, and how it ended."""

import logging
from collections.abc import Mapping

from service.keys.callers import Caller, KeyScope
from service.keys.route_scopes import Route, scope_of
from service.web.doors import SAFE_METHODS

audit = logging.getLogger("service.audit")

WRITING_SCOPES = frozenset({KeyScope.TRAIN, KeyScope.ADMIN})
"""Routes that need one of these change something. Predicting does not, although it is a POST."""
SHOWN_PATH = 200


def is_write(route: Route) -> bool:
    """Whether a request for this route may change something."""
    return route.method not in SAFE_METHODS and scope_of(route) in WRITING_SCOPES


def report_write(caller: Caller, route: Route, path: str, status: int, headers: Mapping[bytes, bytes]) -> None:
    """Write the line of one request.

    Args:
        caller: who sent it.
        route: what was asked for.
        path: of the request; what was made is named by `Location` instead.
        status: of the answer.
        headers: of the answer.
    """
    target = headers.get(b"location", path.encode()).decode("latin-1")
    shown = "".join(character if character.isprintable() else "?" for character in target[:SHOWN_PATH])
    fields = {"key": caller.name, "action": f"{route.method} {route.template}", "object": shown, "status": status}
    audit.info("%(key)s: %(action)s of %(object)s: %(status)d", fields, extra={"fields": fields})
