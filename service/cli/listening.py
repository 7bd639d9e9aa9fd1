"""Opens the API's port before anything else starts, so that a port in use is reported in one clear line."""

import errno
import ipaddress
import socket

from service.cli.errors import CommandFailed
from service.settings import ApiSettings


def listen(host: str, port: int) -> socket.socket:
    """Open a listening TCP socket; port 0 chooses a free port.

    Raises:
        CommandFailed: the port is in use or not allowed, or the host is not an address of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CommandFailed(f"cannot listen on host {host!r}: {error.strerror}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Only a listening socket prevents other programs from binding the same port.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CommandFailed(_complaint(error, host, port)) from error
    return listener


def adopt(descriptor: int) -> socket.socket:
    """The listening socket that the parent process opened and passed to this one."""
    try:
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise CommandFailed(f"--fd {descriptor} is not an open socket: {error.strerror}") from error


def url_of(listener: socket.socket) -> str:
    """The socket's address for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def refuse_without_key(listener: socket.socket, settings: ApiSettings) -> None:
    """Refuse to serve other machines without a key.

    Raises:
        CommandFailed: the address is no loopback address, and no key is set.
    """
    host = str(listener.getsockname()[0])
    if settings.admin_key is None and not ipaddress.ip_address(host).is_loopback:
        listener.close()
        raise CommandFailed(
            f"everyone who can reach {host} could use this server; expected a key for an address that is not loopback",
            "Make one: export CONVSERVE_ADMIN_KEY=$(openssl rand -hex 32). Or leave out --host and CONVSERVE_HOST.",
        )


def _complaint(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another program; choose another with --port or CONVSERVE_PORT"
    if error.errno == errno.EACCES:
        return f"not allowed to listen on port {port}; choose one above 1023 with --port or CONVSERVE_PORT"
    return f"cannot listen on {host}, port {port}: {error.strerror}"
