"""The keys in force, cached in memory: turns a token into a caller without asking the store.

Every process reads the store again each second, so a key that is revoked opens nothing anywhere two seconds later. When
the store does not answer, the keys known so far go on working; predicting needs nothing else.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from model_store import KeyRecord, KeyStore, StoreUnavailable
from service.keys.callers import ADMIN, Caller, KeyScope
from service.keys.tokens import digest_of

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
LOOK_AGAIN_S = 0.25
"""A key that is not known, for example a new one, lets the store be read again, but not more often than this."""
UNKNOWN_REMEMBERED = 1024

Quotas = Mapping[str, Mapping[str, float]]
"""Limits by name, by scope."""


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    caller: Caller
    expires_at: float


class Keyring:
    """The keys of the store, and the one of the environment. Used by the event loop's thread alone.

    Args:
        store: where keys are stored.
        admin_key: opens everything; None: there is no such key.
        quotas: limits by scope, for keys that have none of their own.
        clock: seconds since 1970.
        look_again_s: shortest time, in seconds, between two readings of the store for keys that are not known.
    """

    def __init__(
        self,
        store: KeyStore,
        admin_key: str | None,
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.time,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._quotas = quotas or {}
        self._own = {} if admin_key is None else _admin(admin_key.encode())
        self._known: dict[bytes, _Known] = dict(self._own)
        self._ended: dict[bytes, str] = {}
        self._look_again_s = look_again_s
        self._unknown: dict[bytes, None] = {}  # oldest first
        self._read_at: float | None = None
        self._one_reader = asyncio.Lock()
        self._followers: dict[Callable[[], None], Caller] = {}
        self._is_store_silent = False

    def caller(self, token: bytes) -> Caller | None:
        """Who has this key; None if it opens nothing, as far as is known."""
        digest = digest_of(token)
        found = self._known.get(digest)
        if found is None or not hmac.compare_digest(found.digest, digest) or found.expires_at <= self._clock():
            return None
        return found.caller

    async def look_again(self, token: bytes) -> Caller | None:
        """Who has this key, which may be so new that the store has to be read first.

        Raises:
            StoreUnavailable: no key was ever read, and the store does not answer.
        """
        digest = digest_of(token)
        if digest in self._ended or digest in self._unknown:
            return None
        asked_at = time.monotonic()
        if self._read_at is not None:
            await asyncio.sleep(self._read_at + self._look_again_s - asked_at)
        try:
            await self._read_since(asked_at)
        except StoreUnavailable:
            if self._read_at is None:
                raise
        else:
            self._remember_unknown(digest)
        return self.caller(token)

    def _remember_unknown(self, digest: bytes) -> None:
        """Look up no key twice: it is stored before its owner has it, so one that is not found never will be."""
        if digest not in self._known:
            self._unknown[digest] = None
            if len(self._unknown) > UNKNOWN_REMEMBERED:
                del self._unknown[next(iter(self._unknown))]

    def what_is_wrong(self, token: bytes) -> str | None:
        """Why a key that opens nothing any more does not, for its owner; None for one that never did."""
        digest = digest_of(token)
        known = self._known.get(digest)
        if known is not None and known.expires_at <= self._clock():
            return "got one that has expired"
        return self._ended.get(digest)

    def is_in_force(self, caller: Caller) -> bool:
        """Whether the caller's key still opens something."""
        known = self._known.get(caller.digest)
        return known is not None and known.expires_at > self._clock()

    async def refresh(self) -> None:
        """Read the store now. Raises `StoreUnavailable`."""
        await self._read_since(time.monotonic())

    async def _read_since(self, moment: float) -> None:
        async with self._one_reader:
            # Another caller may have read it while this one waited; that counts if it began late enough.
            if self._read_at is not None and self._read_at >= moment:
                return
            began_at = time.monotonic()
            records = await asyncio.to_thread(self._store.all)
            self._read_at = began_at
            self._take(records)
        self._end_revoked()

    def follow(self, caller: Caller, end: Callable[[], None]) -> None:
        """Call `end` when the caller's key is revoked or has expired."""
        self._followers[end] = caller

    def unfollow(self, end: Callable[[], None]) -> None:
        """Do not call `end` any more."""
        self._followers.pop(end, None)

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Read the store now, and again each second while the block lasts."""
        await self._try_to_refresh()
        reading = asyncio.create_task(self._read_for_ever())
        try:
            yield
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _read_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await self._try_to_refresh()

    async def _try_to_refresh(self) -> None:
        try:
            await self.refresh()
        except StoreUnavailable as error:
            if not self._is_store_silent:
                logger.warning("the keys known so far go on working: %s", error)
            self._is_store_silent = True
            self._end_revoked()  # expired ones
        else:
            self._is_store_silent = False

    def _take(self, records: list[KeyRecord]) -> None:
        now = datetime.now(UTC)
        self._known = {**self._own, **dict(self._entry(record) for record in records if record.revoked_at is None)}
        ended = [record for record in records if not record.is_in_force(now)]
        self._ended = {
            bytes.fromhex(record.sha256): f"got one that {'was revoked' if record.revoked_at else 'has expired'}"
            for record in ended
        }

    def _entry(self, record: KeyRecord) -> tuple[bytes, _Known]:
        digest = bytes.fromhex(record.sha256)
        # A scope of a later version is not known here; such a key opens nothing.
        scope = KeyScope(record.scope) if record.scope in set(KeyScope) else None
        limits = {**self._quotas.get(record.scope, {}), **record.limits}
        expires_at = float("inf") if record.expires_at is None else record.expires_at.timestamp()
        return digest, _Known(digest, Caller(record.name, scope, digest, limits), expires_at)

    def _end_revoked(self) -> None:
        for end, caller in list(self._followers.items()):
            if not self.is_in_force(caller):
                self.unfollow(end)
                end()


def _admin(key: bytes) -> dict[bytes, _Known]:
    digest = digest_of(key)
    return {digest: _Known(digest, Caller(ADMIN.name, ADMIN.scope, digest), float("inf"))}
