"""`convserve keys`: makes, lists and revokes keys, in the model store of this machine or through a server.

The store needs no running server, so the first key can be made before there is one.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, get_args

import typer
from rich.console import Console

from model_store import KeyStore, StoreError, open_store
from service.cli.client import Client, JsonObject
from service.cli.environment import read_settings
from service.cli.errors import CommandFailed
from service.cli.server import connect
from service.cli.tables import new_table, table_console
from service.errors import ServiceError
from service.keys.answers import created_answer, key_answer
from service.keys.callers import LOCAL, KeyScope
from service.keys.issuing import issue
from service.settings import QuotaName
from worker.settings import SharedSettings, use_umask


class KeySource(Protocol):
    """Where keys are made; the answers are those of the routes."""

    def create(self, name: str, scope: str, expires: str | None, limits: Mapping[str, float]) -> JsonObject:
        """Make a key."""

    def all(self) -> JsonObject:
        """All keys."""

    def revoke(self, name: str) -> JsonObject:
        """End a key."""


def key_source(url: str | None, data_dir: Path | None) -> KeySource:
    """The server at `url`, or the store of the settings."""
    if url is not None:
        return _Server(connect(url))
    settings = read_settings(SharedSettings, data_dir=data_dir)
    use_umask(settings)
    try:
        return _Store(open_store(settings.store_location).keys)
    except StoreError as error:
        raise CommandFailed(str(error)) from error


def create_key(
    source: KeySource, name: str, scope: str, expires: str | None, limits: Sequence[str], as_json: bool
) -> None:
    """Make a key and print it: the key alone on standard output, everything else on standard error."""
    if scope not in set(KeyScope):
        raise CommandFailed(f"--scope: expected {', '.join(KeyScope)}, got {scope!r}")
    created = source.create(name, scope, expires, dict(map(_limit, limits)))
    if as_json:
        typer.echo(json.dumps(created))
        return
    ends = "never expires" if created["expires_at"] is None else f"expires {created['expires_at']}"
    notes = Console(stderr=True, highlight=False)
    notes.print(f"The key of {created['name']} ({created['scope']}, {ends}). It is shown this once:")
    typer.echo(created["key"])
    notes.print("Use it as CONVSERVE_API_KEY, or as the header `Authorization: Bearer KEY`.")


def list_keys(source: KeySource, as_json: bool) -> None:
    """Show all keys, one line each."""
    answer = source.all()
    if as_json:
        typer.echo(json.dumps(answer))
        return
    table = new_table(("name", "scope", "state", "created", "by", "expires"), whole=("name",))
    for key in answer["keys"]:
        days = [str(key[moment] or "never")[:10] for moment in ("created_at", "expires_at")]
        table.add_row(key["name"], key["scope"], key["state"], days[0], key["created_by"], days[1])
    table_console().print(table)


def revoke_key(source: KeySource, name: str, as_json: bool = False) -> None:
    """End a key, and say so."""
    revoked = source.revoke(name)
    if as_json:
        typer.echo(json.dumps(revoked))
        return
    typer.echo(f"The key of {revoked['name']} is revoked; within two seconds it opens nothing.")


def _limit(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    names = get_args(QuotaName)
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if name not in names or not 0 <= number < float("inf"):
        raise CommandFailed(f"--limit: expected a limit such as jobs=20 ({', '.join(names)}), got {text!r}")
    return name, number


class _Server:
    """Keys of a running server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str, scope: str, expires: str | None, limits: Mapping[str, float]) -> JsonObject:
        body = {"name": name, "scope": scope, "expires": expires, "limits": dict(limits)}
        return self._client.post("/keys", body)

    def all(self) -> JsonObject:
        return self._client.get("/keys")

    def revoke(self, name: str) -> JsonObject:
        return self._client.delete(f"/keys/{name}")


class _Store:
    """Keys of the model store."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def create(self, name: str, scope: str, expires: str | None, limits: Mapping[str, float]) -> JsonObject:
        try:
            token, record = issue(
                self._keys, name, KeyScope(scope), expires=expires, created_by=LOCAL.name, limits=limits
            )
        except (StoreError, ServiceError) as error:
            raise CommandFailed(str(error)) from error
        return created_answer(record, token, datetime.now(UTC)).model_dump(mode="json")

    def all(self) -> JsonObject:
        now = datetime.now(UTC)
        try:
            records = self._keys.all()
        except StoreError as error:
            raise CommandFailed(str(error)) from error
        return {"keys": [key_answer(record, now).model_dump(mode="json") for record in records]}

    def revoke(self, name: str) -> JsonObject:
        try:
            record = self._keys.revoke(name)
        except StoreError as error:
            raise CommandFailed(str(error)) from error
        return key_answer(record, datetime.now(UTC)).model_dump(mode="json")
