"""Which network addresses a URL of a client may lead to: public ones only.

A server that fetches what strangers name could be used to ask machines that only it can reach: services on its own
machine, its network, a cloud's metadata. Names are resolved once, every address is checked, and the connection goes to
an address that was checked, so that a name that changes between check and connection (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from service.errors import PictureNotFetched

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host name and a port."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them. Raises `OSError` when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def checked_address(host: str, port: int, resolve_host: Resolve, is_allowed: Callable[[str], bool]) -> str:
    """An address to connect to, after all addresses of the host were checked.

    Raises:
        PictureNotFetched: the name is unknown, or one of its addresses is not allowed.
    """
    try:
        addresses = await resolve_host(host, port)
    except (OSError, UnicodeError):
        raise PictureNotFetched("the picture's URL names an unknown host") from None
    if not addresses or not all(map(is_allowed, addresses)):
        raise PictureNotFetched("the picture's URL leads to an address that is not public; expected a public one")
    return addresses[0]
