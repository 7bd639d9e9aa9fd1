"""Opens the API's port before anything else starts, so that a port in use is reported in one clear line."""

import errno
import ipaddress
import socket

from model_store import StoreError, open_store
from service.cli.errors import CommandFailed
from service.keys.issuing import has_admin
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


def with_keys_where_needed(listener: socket.socket, settings: ApiSettings) -> ApiSettings:
    """The settings, with keys switched on where other machines can reach the server.

    Raises:
        CommandFailed: the address is no loopback address, and there is no key that may do everything.
    """
    host = str(listener.getsockname()[0])
    if ipaddress.ip_address(host).is_loopback:
        return settings
    if settings.admin_key is None and not _has_admin(settings):
        listener.close()
        where = f" --data-dir {settings.data_dir}" if "data_dir" in settings.model_fields_set else ""
        raise CommandFailed(
            f"everyone who can reach {host} could use this server; expected a key for an address that is not loopback",
            f"Make one: convserve keys create me --scope admin{where}. Or export CONVSERVE_ADMIN_KEY=$(openssl rand "
            "-hex 32). Or leave out --host and CONVSERVE_HOST.",
        )
    return settings.model_copy(update={"auth": "on"})


def _has_admin(settings: ApiSettings) -> bool:
    try:
        return has_admin(open_store(settings.store_location).keys)
    except StoreError as error:
        raise CommandFailed(f"the keys in the model store cannot be read: {error}") from error


def _complaint(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another program; choose another with --port or CONVSERVE_PORT"
    if error.errno == errno.EACCES:
        return f"not allowed to listen on port {port}; choose one above 1023 with --port or CONVSERVE_PORT"
    return f"cannot listen on {host}, port {port}: {error.strerror}"
