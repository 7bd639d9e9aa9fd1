"""Whether this server asks for keys: always where other machines can reach it."""

import ipaddress
import socket

from service.settings import ApiSettings


def are_keys_needed(settings: ApiSettings) -> bool:
    """Whether requests need a key, by `CONVSERVE_AUTH`, `CONVSERVE_ADMIN_KEY` and the address to listen on."""
    return settings.auth == "on" or settings.admin_key is not None or not is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; of a name that cannot be resolved, no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)
