"""What a process knows of the keys in the store, and when."""

import asyncio

import pytest

from model_store import KeyRecord, KeyStore, ModelStore, StoreUnavailable
from service.keys.callers import KeyScope
from service.keys.issuing import issue
from service.keys.keyring import Keyring
from service.keys.tokens import ALPHABET, PREFIX, TOKEN_CHARACTERS, digest_of, is_well_formed, new_token

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.now_s = 1.8e9

    def __call__(self) -> float:
        return self.now_s


class SilentStore(KeyStore):
    """A store that can stop answering."""

    is_silent = False
    n_reads = 0

    def all(self) -> list[KeyRecord]:
        self.n_reads += 1
        if self.is_silent:
            raise StoreUnavailable("memory://", "it does not answer")
        return super().all()


@pytest.fixture
def keys(store: ModelStore) -> SilentStore:
    return SilentStore(store._objects)


def made(keys: KeyStore, name: str = "ada", scope: KeyScope = KeyScope.TRAIN, expires: str | None = None) -> bytes:
    return issue(keys, name, scope, expires=expires, created_by="local")[0].encode()


def test_a_token_has_a_prefix_and_a_checksum() -> None:
    token = new_token()
    assert len(token) == TOKEN_CHARACTERS
    assert token.startswith(PREFIX)
    assert is_well_formed(token.encode())
    assert new_token() != token
    for place in range(len(PREFIX), TOKEN_CHARACTERS):
        other = ALPHABET[(ALPHABET.index(token[place]) + 1) % len(ALPHABET)]
        assert not is_well_formed((token[:place] + other + token[place + 1 :]).encode())
    for broken in (b"", b"cvs_", token[:-1].encode(), token.encode() + b"0", b"\xff" * TOKEN_CHARACTERS):
        assert not is_well_formed(broken)


async def test_only_the_hash_of_a_key_is_stored(keys: SilentStore) -> None:
    token = made(keys)
    stored = [keys._objects.read(found.path) for found in keys._objects.list("keys/")]
    assert len(stored) == 1
    assert token not in stored[0]
    assert digest_of(token).hex().encode() in stored[0]
    assert digest_of(token).hex() not in repr(keys.all())


async def test_a_new_key_is_known_at_once_and_a_revoked_one_after_the_next_reading(keys: SilentStore) -> None:
    keyring = Keyring(keys, None, look_again_s=0)
    await keyring.refresh()
    token = made(keys)
    assert keyring.caller(token) is None
    caller = await keyring.look_again(token)
    assert caller is not None
    assert (caller.name, caller.scope) == ("ada", KeyScope.TRAIN)
    ended: list[str] = []
    keyring.follow(caller, lambda: ended.append("revoked"))
    keys.revoke("ada")
    assert keyring.caller(token) == caller
    await keyring.refresh()
    assert keyring.caller(token) is None
    assert ended == ["revoked"]
    assert "revoked" in (keyring.what_is_wrong(token) or "")


async def test_a_key_ends_when_it_expires(keys: SilentStore) -> None:
    keyring = Keyring(keys, None, clock=(clock := Clock()))
    token = made(keys, expires="30d")
    await keyring.refresh()
    expires_at = keys.all()[0].expires_at
    assert expires_at is not None
    clock.now_s = expires_at.timestamp() - 1
    assert keyring.caller(token) is not None
    clock.now_s += 1
    assert keyring.caller(token) is None
    assert "expired" in (keyring.what_is_wrong(token) or "")


async def test_known_keys_work_while_the_store_is_silent(keys: SilentStore) -> None:
    keyring = Keyring(keys, None, look_again_s=0)
    token = made(keys)
    keys.is_silent = True
    with pytest.raises(StoreUnavailable):
        await keyring.look_again(token)
    keys.is_silent = False
    async with keyring.kept_fresh():
        assert keyring.caller(token) is not None
        keys.is_silent = True
        await keyring._try_to_refresh()
        assert keyring.caller(token) is not None
        assert await keyring.look_again(new_token().encode()) is None


async def test_guesses_hardly_ever_let_the_store_be_read(keys: SilentStore) -> None:
    keyring = Keyring(keys, None)
    tokens = [new_token().encode() for _ in range(100)]
    assert await asyncio.gather(*map(keyring.look_again, tokens)) == [None] * 100
    assert await asyncio.gather(*map(keyring.look_again, tokens)) == [None] * 100
    assert keys.n_reads <= 2


async def test_a_key_of_an_unknown_scope_opens_nothing(keys: SilentStore) -> None:
    token = new_token().encode()
    record = KeyRecord(
        name="new", scope="fly", sha256=digest_of(token).hex(), created_at="2026-01-01T00:00:00Z", created_by="local"
    )
    keys.create(record)
    keyring = Keyring(keys, None)
    await keyring.refresh()
    caller = keyring.caller(token)
    assert caller is None or caller.scopes == []
