"""Chooses the server for a command, and the key: the ones given, or those of `convserve up` on this machine."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.cli.client import Client
from service.cli.environment import read_settings
from service.settings import ApiSettings

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class ClientSettings(BaseSettings):
    """What only the commands that use a server read."""

    model_config = SettingsConfigDict(env_prefix="CONVSERVE_", frozen=True, extra="ignore")

    url: str | None = Field(default=None, description="Address of the server that the command line asks.")
    api_key: SecretStr | None = Field(default=None, description="Key that the command line sends to the server.")


def connect(url: str | None) -> Client:
    """A client for the server at `url`, or else at the address of the settings."""
    chosen = read_settings(ClientSettings)
    key, address = chosen.api_key, url or chosen.url
    if address is not None:
        return Client(address, _text(key))
    settings = read_settings(ApiSettings)
    return Client(default_url(settings), _text(key or settings.admin_key))


def _text(key: SecretStr | None) -> str | None:
    return None if key is None else key.get_secret_value()


def default_url(settings: ApiSettings) -> str:
    """The address of a server with these settings, seen from this machine."""
    host = _ANY_ADDRESS.get(settings.host, f"[{settings.host}]" if ":" in settings.host else settings.host)
    return f"http://{host}:{settings.port}"
