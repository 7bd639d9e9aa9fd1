"""Decides which requests may come in at all: by the name they call us and by the page that sends them.

A browser sends requests for any page that is open in it. The names (`Host`) keep out pages that point a name of their
own at this machine (DNS rebinding); the origins (`Origin`, `Sec-Fetch-Site`) keep out forms and scripts of other sites.
Programs send neither header of the second kind and notice nothing.
"""

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from starlette.types import Scope

from service.errors import HostNotAllowed, OriginNotAllowed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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
    """

    def __init__(self, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._hosts = frozenset(name.lower().rstrip(".") for name in hosts)
        self._origins = frozenset(origin.lower().rstrip("/").encode() for origin in origins)
        self._known: dict[bytes, bool] = {}

    def may_take_short_way(self, headers: Headers) -> bool:
        """Whether a request of the fast lane is one to answer at once; the routes look at every other."""
        return (
            b"origin" not in headers
            and b"sec-fetch-site" not in headers
            and self._is_own_name(headers.get(b"host", b""))
        )

    def check(self, scope: Scope, headers: Headers, *, is_shared: bool = False) -> None:
        """Let a request pass, or say why not.

        Args:
            scope: of the request.
            headers: of the request.
            is_shared: a page of a site that is let in sends it, to read or to predict.

        Raises:
            HostNotAllowed: it calls this server by a name that is not one of its own.
            OriginNotAllowed: a page of another site sends it, and it may change something.
        """
        host = headers.get(b"host", b"")
        # Health checks of load balancers speak HTTP/1.0, which has no `Host`; browsers always send one.
        is_nameless = b"host" not in headers and scope.get("http_version") == "1.0"
        if not is_nameless and not self._is_own_name(host) and not _is_address_of(host, scope.get("server")):
            raise HostNotAllowed(host.decode("latin-1"))
        if scope["method"] not in SAFE_METHODS and not is_shared:
            self._check_origin(headers, host)

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
