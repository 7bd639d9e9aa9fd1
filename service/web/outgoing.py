"""Requests that this server sends to addresses that clients give: never into a private network by accident.

A name is resolved once, the addresses are checked, and the connection goes to the one that was checked, so that a name
that changes its address between check and connection gains nothing. Redirections are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from service.web.public_addresses import is_public, translated

DEADLINE_S = 10.0
PORTS = {"http": 80, "https": 443}


class AddressRefused(Exception):
    """An address to which this server sends nothing."""


class DeliveryFailed(Exception):
    """The other side did not answer, or not as it should."""


def checked(url: str, *, allow_private: bool) -> list[str]:
    """The IP addresses of a URL's host, if it may be sent to.

    Raises:
        AddressRefused: not http or https, with a user name, of a host that is unknown or in a private network.
    """
    parts = _parts(url)
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"the host {parts.hostname!r} cannot be resolved: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    private = [address for address in addresses if not _may_be_sent_to(address)]
    if private and not allow_private:
        raise AddressRefused(
            f"the host {parts.hostname!r} has the address {private[0]}, which is not public; expected a public one, or "
            "CONVSERVE_NOTIFY_PRIVATE=true on this server"
        )
    return addresses


def _may_be_sent_to(address: str) -> bool:
    """Whether an IP address is public, and not one that the network translates into another."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return is_public(address) and not (isinstance(ip, ipaddress.IPv6Address) and translated(ip))


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> None:
    """Send a body, and return when the other side has answered 2xx.

    Raises:
        AddressRefused: as `checked` does.
        DeliveryFailed: no answer within ten seconds, or another status.
    """
    parts = _parts(url)
    address = checked(url, allow_private=allow_private)[0]
    try:
        status = _posted(parts, address, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DeliveryFailed(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise DeliveryFailed(f"expected a status from 200 to 299, got {status}")


def _posted(parts: SplitResult, address: str, body: bytes, headers: Mapping[str, str]) -> int:
    connected = socket.create_connection((address, _port(parts)), DEADLINE_S / 2)
    # The socket's timeout is for one packet; a side that sends a byte now and then must not hold this thread.
    deadline = threading.Timer(DEADLINE_S, _shut, [connected])
    deadline.start()
    try:
        if parts.scheme == "https":
            connected = ssl.create_default_context().wrap_socket(connected, server_hostname=parts.hostname)
        connection = http.client.HTTPConnection(parts.netloc)
        connection.sock = connected
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, dict(headers))
        return connection.getresponse().status
    finally:
        deadline.cancel()
        connected.close()


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressRefused(f"it is not an address: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise AddressRefused("expected http://host… or https://host…")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("it has a user name or a password; expected none")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[parts.scheme]
