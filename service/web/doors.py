"""Decides which requests may come in at all: by the name they call us, by the page that sends them, and by key.

A browser sends requests for any page that is open in it. The names (`Host`) keep out pages that point a name of their
own at this machine (DNS rebinding); the origins (`Origin`, `Sec-Fetch-Site`) keep out forms and scripts of other sites.
Programs send neither header of the second kind and notice nothing.
"""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from starlette.types import Scope

from service.errors import HostNotAllowed, KeyMissing, OriginNotAllowed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset(
    {"/", "/healthz", "/readyz", "/ping", "/vertex/health", "/docs", "/openapi.json", "/favicon.ico"}
)
"""Answered without a key. They say that the service is alive, and what it can do."""
OPEN_PREFIXES = ("/docs-assets/", "/page/")
METRICS_PATH = "/metrics"
FOREIGN_SITES = frozenset({b"cross-site", b"same-site"})
ANY_HOST = "*"
NAMES_CACHED = 256

Headers = Mapping[bytes, bytes]
"""Names in lower case; of a header that came twice, one value."""


class Doors:
    """The rules of one process.

    Args:
        hosts: names of this server besides the loopback ones; `*.example.org` stands for all names below, `*` for any.
        origins: other sites whose pages may read and predict, such as `https://app.example`.
        key: the key every request must carry; None: none.
        are_metrics_open: `/metrics` is answered without the key.
    """

    def __init__(
        self, hosts: Iterable[str], origins: Iterable[str], key: str | None = None, *, are_metrics_open: bool = True
    ) -> None:
        self._hosts = frozenset(name.lower().rstrip(".") for name in hosts)
        self._origins = frozenset(origin.lower().rstrip("/").encode() for origin in origins)
        self._key = None if key is None else key.encode()
        self._open_paths = OPEN_PATHS | {METRICS_PATH} if are_metrics_open else OPEN_PATHS
        self._known: dict[bytes, bool] = {}

    @property
    def needs_key(self) -> bool:
        """Whether every request must carry the key."""
        return self._key is not None

    def may_take_short_way(self, headers: Headers) -> bool:
        """Whether a request of the fast lane is one to answer at once; the routes look at every other."""
        if b"origin" in headers or b"sec-fetch-site" in headers or not self._is_own_name(headers.get(b"host", b"")):
            return False
        return self._key is None or self._has_key(headers)

    def check(self, scope: Scope, headers: Headers, *, is_shared: bool = False) -> None:
        """Let a request pass, or say why not.

        Args:
            scope: of the request.
            headers: of the request.
            is_shared: a page of a site that is let in sends it, to read or to predict.

        Raises:
            HostNotAllowed: it calls this server by a name that is not one of its own.
            OriginNotAllowed: a page of another site sends it, and it may change something.
            KeyMissing: it carries no key, or a wrong one.
        """
        host = headers.get(b"host", b"")
        # Health checks of load balancers speak HTTP/1.0, which has no `Host`; browsers always send one.
        is_nameless = b"host" not in headers and scope.get("http_version") == "1.0"
        if not is_nameless and not self._is_own_name(host) and not _is_address_of(host, scope.get("server")):
            raise HostNotAllowed(host.decode("latin-1"))
        if scope["method"] not in SAFE_METHODS and not is_shared:
            self._check_origin(headers, host)
        if self._key is not None and not self._is_open(scope) and not self._has_key(headers):
            raise KeyMissing

    def shares_with(self, headers: Headers) -> bytes | None:
        """The other site that sends the request, if its pages may read answers."""
        origin = headers.get(b"origin", b"").lower()
        return origin if origin in self._origins else None

    def _check_origin(self, headers: Headers, host: bytes) -> None:
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        is_own = site not in FOREIGN_SITES
        if is_own and origin is not None:
            authority = origin.lower().partition(b"://")[2]
            # Behind a proxy that rewrites `Host` the two differ, but the browser still knows that they are one site.
            is_own = authority == host.lower() or (site == b"same-origin" and self._is_own_name(authority))
        if not is_own:
            raise OriginNotAllowed((origin or b"another site").decode("latin-1"))

    def _is_own_name(self, host: bytes) -> bool:
        verdict = self._known.get(host)
        if verdict is None:
            verdict = _is_one_of(_without_port(host), self._hosts)
            if len(self._known) < NAMES_CACHED:
                self._known[host] = verdict
        return verdict

    def _is_open(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if scope["method"] not in SAFE_METHODS:
            return False  # `POST /` asks a model
        return path in self._open_paths or path.startswith(OPEN_PREFIXES)

    def _has_key(self, headers: Headers) -> bool:
        came = headers.get(b"x-api-key") or _credentials(headers.get(b"authorization", b""))
        return self._key is not None and hmac.compare_digest(came, self._key)


def _without_port(host: bytes) -> str:
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def _is_one_of(name: str, hosts: Collection[str]) -> bool:
    if ANY_HOST in hosts or name in hosts or name == "localhost" or name.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return any(pattern.startswith("*.") and name.endswith(pattern[1:]) for pattern in hosts)


def _is_address_of(host: bytes, server: tuple[str, int | None] | None) -> bool:
    """Whether the name is the very address that was connected to. A page cannot point an address elsewhere."""
    with suppress(ValueError):
        return server is not None and ipaddress.ip_address(_without_port(host)) == ipaddress.ip_address(server[0])
    return False


def _credentials(authorization: bytes) -> bytes:
    """The key in an `Authorization` header: a bearer token, or the password of Basic authentication."""
    scheme, _, value = authorization.partition(b" ")
    match scheme.lower():
        case b"bearer":
            return value.strip()
        case b"basic":
            with suppress(binascii.Error, ValueError):
                return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    return b""
