"""Ten kinds of caller, from no key at all to an admin's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx
from fastapi import FastAPI

from model_store import KeyRecord, ModelStore
from service.keys.callers import KeyScope
from service.keys.issuing import issue
from service.keys.tokens import digest_of, new_token

REFUSED = ("no key", "wrong", "malformed", "expired", "revoked")
ADMITTED = {
    "predict": KeyScope.PREDICT,
    "read": KeyScope.READ,
    "train": KeyScope.TRAIN,
    "other": KeyScope.TRAIN,
    "admin": KeyScope.ADMIN,
}
"""Name of the key, and its scope."""


def ten_callers(store: ModelStore) -> dict[str, str]:
    """Make the keys; returns the token of each kind, an empty one for none."""
    tokens = {name: made(store, name, scope) for name, scope in ADMITTED.items()}
    revoked = made(store, "revoked", KeyScope.ADMIN)
    store.keys.revoke("revoked")
    right = tokens["admin"]
    malformed = right[:-1] + ("0" if right[-1] != "0" else "1")
    others = {
        "no key": "",
        "wrong": new_token(),
        "malformed": malformed,
        "expired": expired(store),
        "revoked": revoked,
    }
    return others | tokens


def made(store: ModelStore, name: str, scope: KeyScope) -> str:
    """A key in force."""
    return issue(store.keys, name, scope, expires=None, created_by="local")[0]


def clients_with(keys: Mapping[str, str], app: FastAPI) -> dict[str, httpx.AsyncClient]:
    """A client of an application for each key."""
    return {
        name: httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://localhost",
            headers={"Authorization": f"Bearer {key}"},
        )
        for name, key in keys.items()
    }


def expired(store: ModelStore) -> str:
    """An admin's key that expired a second ago."""
    token, now = new_token(), datetime.now(UTC)
    store.keys.create(
        KeyRecord(
            name="expired",
            scope=KeyScope.ADMIN,
            sha256=digest_of(token.encode()).hex(),
            created_at=now - timedelta(days=1),
            created_by="local",
            expires_at=now - timedelta(seconds=1),
        )
    )
    return token
