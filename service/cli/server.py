"""Chooses the server for a command: the given one, or the one that `convserve up` starts on this machine."""

from service.cli.client import Client
from service.cli.environment import read_settings
from service.settings import ApiSettings

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def connect(url: str | None) -> Client:
    """A client for the server at `url`."""
    return Client(url or default_url(read_settings(ApiSettings)))


def default_url(settings: ApiSettings) -> str:
    """The address of a server with these settings, seen from this machine."""
    host = _ANY_ADDRESS.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    return f"http://{host}:{settings.port}"
