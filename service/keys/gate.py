"""Decides who sends a request, and whether that caller may do what the request asks for.

It is asked before the body of a request is read. Hosts and origins are decided before, by `service.web.doors`.
"""

import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache

from starlette.types import Scope

from service.keys.callers import ANYONE, LOCAL, Caller
from service.keys.credentials import token_in
from service.keys.failures import Failures
from service.keys.keyring import Keyring
from service.keys.rates import Rates
from service.keys.route_scopes import Route, RouteScopes
from service.keys.tokens import is_well_formed
from service.web.doors import SAFE_METHODS
from service.web.key_errors import KeyMissing, ScopeMissing, TooManyFailures

OPEN_PATHS = frozenset(
    {
        *("/", "/docs", "/openapi.json", "/llms.txt", "/favicon.ico"),
        *("/healthz", "/readyz", "/ping", "/health", "/vertex/health"),
    }
)
"""Answered without a key, if they are only read. They say that the service is alive, and what it can do."""
OPEN_PREFIXES = ("/docs-assets/", "/page/")
METRICS_PATH = "/metrics"
UNGUESSABLE_CHARACTERS = 32
"""A key as long as this cannot be guessed, so it opens even from an address that sends wrong keys."""

RATE = "predict_per_s"
WRONG = "got none that is right"

Headers = Mapping[bytes, bytes]


class Gate:
    """The rules of one process.

    Args:
        scopes: of its routes.
        counts: whether a request takes pictures as a prediction does; those of a key with a rate are counted.
        are_metrics_open: `/metrics` is answered without a key.
    """

    def __init__(self, scopes: RouteScopes, counts: Callable[[Scope], bool], *, are_metrics_open: bool = True) -> None:
        self.scopes = scopes
        self._counts = counts
        self.failures = Failures()
        self._rates = Rates()
        self._open_paths = OPEN_PATHS | {METRICS_PATH} if are_metrics_open else OPEN_PATHS

    def knows(self, keyring: Keyring | None, headers: Headers) -> bool:
        """Whether the fast lane may answer the request: it predicts, which every key allows."""
        if keyring is None:
            return True
        token = token_in(headers)
        if len(token) < UNGUESSABLE_CHARACTERS and self.failures.is_any_blocked():
            return False
        caller = keyring.caller(token)
        if caller is None or caller.scope is None:  # a scope of a later version of this program
            return False
        return RATE not in caller.limits  # the routes count those that have a limit

    async def caller_of(self, keyring: Keyring | None, scope: Scope, headers: Headers) -> Caller:
        """Who sends a request.

        Args:
            keyring: the keys; None where no keys are needed.
            scope: of the request.
            headers: of the request.

        Raises:
            KeyMissing: it carries no key that opens anything.
            TooManyFailures: wrong keys came from its address.
            ScopeMissing: its key may not do this.
            QuotaExceeded: its key may not predict so often.
            StoreUnavailable: no keys could be read yet.
        """
        if keyring is None:
            _refuse_other_machines(scope)
            return LOCAL
        if self._is_open(scope):
            return ANYONE
        caller = await self._with_key(keyring, scope, token_in(headers))
        needed = self.scopes.needed(scope["method"], scope["path"])
        if needed is not None and not caller.has(needed):
            raise ScopeMissing(needed, caller.scope)
        if RATE in caller.limits and self._counts(scope):
            self._rates.take(caller.name, caller.limits[RATE])
        return caller

    def _is_open(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if scope["method"] not in SAFE_METHODS:
            return False  # `POST /` asks a model
        return path in self._open_paths or path.startswith(OPEN_PREFIXES)

    async def _with_key(self, keyring: Keyring, scope: Scope, token: bytes) -> Caller:
        if not token:
            raise KeyMissing("got none")
        host = scope["client"][0] if scope.get("client") else None
        wait_s = self.failures.wait_s(host)
        if not wait_s or len(token) >= UNGUESSABLE_CHARACTERS:
            caller = keyring.caller(token)
            if caller is None and not wait_s and is_well_formed(token):
                caller = await keyring.look_again(token)
            if caller is not None:
                return caller
        if wait_s:
            raise TooManyFailures(wait_s)
        reason = keyring.what_is_wrong(token)
        if reason is None:  # a key that has ended is no guess
            self.failures.add(host)
        raise KeyMissing(reason or WRONG)


def is_open(route: Route) -> bool:
    """Whether a route is answered without a key; `/metrics` by its setting."""
    return route.method in SAFE_METHODS and (route.template in OPEN_PATHS or route.template.startswith(OPEN_PREFIXES))


def _refuse_other_machines(scope: Scope) -> None:
    """Without keys only this machine is served, even by a server that was started without `convserve api`."""
    server = scope.get("server")
    if server is not None and not _is_this_machine(server[0]):
        raise KeyMissing("but none is set up; set CONVSERVE_ADMIN_KEY, or CONVSERVE_AUTH=on and make one")


@lru_cache(64)
def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True  # a Unix socket, or a test without a network
