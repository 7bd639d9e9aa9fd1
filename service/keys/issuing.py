"""Makes keys, for the command line and for `POST /keys` alike."""

from collections.abc import Mapping
from datetime import UTC, datetime

from model_store import KeyRecord, KeyStore
from service.keys.callers import ADMIN, LOCAL, KeyScope
from service.keys.expiry import moment_of
from service.keys.tokens import digest_of, new_token
from service.web.key_errors import KeyNameReserved


def issue(
    keys: KeyStore,
    name: str,
    scope: KeyScope,
    *,
    expires: str | None,
    created_by: str,
    limits: Mapping[str, float] | None = None,
) -> tuple[str, KeyRecord]:
    """Make a key and store what may be stored of it.

    Args:
        keys: where it is stored.
        name: of the key; it owns what is made with it.
        scope: what it may do.
        expires: a duration or a moment, see `moment_of`; None: never.
        created_by: name of the caller.
        limits: where they differ from those of the scope.

    Returns:
        The key, which nobody can read again, and its record.

    Raises:
        KeyNameReserved: the name would own what was made without keys, or by the environment's admin key.
        ExpiryInvalid: the expiry is not understood or in the past.
        InvalidName, KeyNameTaken, StoreUnavailable: the store refuses.
    """
    if name == LOCAL.name or (name == ADMIN.name and scope is not KeyScope.ADMIN):
        raise KeyNameReserved(name)
    now = datetime.now(UTC)
    token = new_token()
    record = KeyRecord(
        name=name,
        scope=scope,
        sha256=digest_of(token.encode()).hex(),
        created_at=now,
        created_by=created_by,
        limits=dict(limits or {}),
        expires_at=None if expires is None else moment_of(expires, now),
    )
    keys.create(record)
    return token, record


def has_admin(keys: KeyStore) -> bool:
    """Whether a key in force may do everything."""
    now = datetime.now(UTC)
    return any(record.scope == KeyScope.ADMIN and record.is_in_force(now) for record in keys.all())
