"""Which keys open the gate, in which form, and what happens to an address that guesses."""

import base64

import pytest
from starlette.types import Scope

from model_store import KeyRecord, ModelStore
from service.keys.callers import ADMIN, ANYONE, LOCAL, KeyScope
from service.keys.failures import ADDRESSES, TRIES, Failures
from service.keys.gate import Gate
from service.keys.issuing import issue
from service.keys.keyring import Keyring
from service.keys.route_scopes import ROWS, RouteScopes
from service.keys.tokens import digest_of, new_token
from service.predict.urls import is_prediction
from service.web.key_errors import KeyMissing, ScopeMissing, TooManyFailures

pytestmark = pytest.mark.anyio

KEY = "0123456789abcdef"
LONG_KEY = KEY * 2


@pytest.fixture
def keyring(store: ModelStore) -> Keyring:
    return Keyring(store.keys, KEY)


@pytest.fixture
def gate() -> Gate:
    return Gate(RouteScopes(ROWS), is_prediction)


def scope(method: str = "POST", path: str = "/jobs", client: str = "10.0.0.9") -> Scope:
    return {"type": "http", "method": method, "path": path, "server": ("127.0.0.1", 8000), "client": (client, 5)}


@pytest.mark.parametrize(
    "carried",
    [
        {b"authorization": b"Bearer " + KEY.encode()},
        {b"authorization": b"bearer  " + KEY.encode()},
        {b"x-api-key": KEY.encode()},
        {b"authorization": b"Basic " + base64.b64encode(b"anybody:" + KEY.encode())},
    ],
)
async def test_the_key_opens_in_every_form(gate: Gate, keyring: Keyring, carried: dict[bytes, bytes]) -> None:
    assert await gate.caller_of(keyring, scope(), carried) == ADMIN
    assert gate.knows(keyring, carried)


@pytest.mark.parametrize(
    "carried",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer " + KEY.encode()[:-1]},
        {b"authorization": b"Basic %%%"},
        {b"authorization": b"Basic " + base64.b64encode(KEY.encode())},
        {b"authorization": KEY.encode()},
        {b"x-api-key": b"\xff\xfe"},
        {b"x-api-key": b""},
        {b"x-api-key": new_token().encode()},
        {b"x-api-key": b"cvs_" + b"\xc3" * 49},
    ],
)
async def test_no_other_key_opens(gate: Gate, keyring: Keyring, carried: dict[bytes, bytes]) -> None:
    assert not gate.knows(keyring, carried)
    with pytest.raises(KeyMissing):
        await gate.caller_of(keyring, scope(), carried)


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/docs", "/openapi.json", "/docs-assets/x.js", "/metrics"]
)
async def test_some_addresses_are_open_without_a_key(gate: Gate, keyring: Keyring, path: str) -> None:
    assert await gate.caller_of(keyring, scope("GET", path), {}) == ANYONE


@pytest.mark.parametrize("path", ["/jobs", "/models", "/docs/", "//", "/v2/health/ready", "/metrics"])
async def test_the_others_are_not(keyring: Keyring, path: str) -> None:
    gate = Gate(RouteScopes(ROWS), is_prediction, are_metrics_open=False)
    with pytest.raises(KeyMissing):
        await gate.caller_of(keyring, scope("GET", path), {})


async def test_a_key_opens_what_its_scope_allows(gate: Gate, keyring: Keyring, store: ModelStore) -> None:
    token, _ = issue(store.keys, "ada", KeyScope.READ, expires=None, created_by="admin")
    carried = {b"x-api-key": token.encode()}
    caller = await gate.caller_of(keyring, scope("GET", "/jobs"), carried)
    assert (caller.name, caller.scope) == ("ada", KeyScope.READ)
    with pytest.raises(ScopeMissing, match=r"`train`.*`read`"):
        await gate.caller_of(keyring, scope("POST", "/jobs"), carried)


async def test_a_key_with_a_scope_of_a_later_version_opens_nothing(
    gate: Gate, keyring: Keyring, store: ModelStore
) -> None:
    token = new_token().encode()
    sha256 = digest_of(token).hex()
    store.keys.create(
        KeyRecord(name="new", scope="fly", sha256=sha256, created_at="2026-01-01T00:00:00Z", created_by="local")
    )
    await keyring.refresh()
    carried = {b"x-api-key": token}
    assert not gate.knows(keyring, carried)
    with pytest.raises(ScopeMissing):
        await gate.caller_of(keyring, scope("POST", "/predict"), carried)


async def test_only_this_machine_is_served_without_keys(gate: Gate) -> None:
    assert await gate.caller_of(None, scope(), {}) == LOCAL
    assert gate.knows(None, {})
    with pytest.raises(KeyMissing):
        await gate.caller_of(None, {**scope(), "server": ("192.168.1.5", 8000)}, {})


async def test_an_address_may_send_ten_wrong_keys_a_minute(store: ModelStore, gate: Gate) -> None:
    now = [0.0]
    gate.failures = Failures(lambda: now[0])
    keyring = Keyring(store.keys, LONG_KEY)
    wrong, right = {b"x-api-key": b"wrong"}, {b"x-api-key": LONG_KEY.encode()}
    for _ in range(TRIES):
        with pytest.raises(KeyMissing):
            await gate.caller_of(keyring, scope(), wrong)
    with pytest.raises(TooManyFailures) as refusal:
        await gate.caller_of(keyring, scope(), wrong)
    assert refusal.value.retry_after_s == 60
    with pytest.raises(KeyMissing):
        await gate.caller_of(keyring, scope(client="10.0.0.8"), wrong)
    with pytest.raises(KeyMissing):
        await gate.caller_of(keyring, scope(), {})  # guesses nothing
    assert await gate.caller_of(keyring, scope(), right) == ADMIN, "a key that cannot be guessed still opens"
    now[0] = 60.0
    with pytest.raises(KeyMissing):
        await gate.caller_of(keyring, scope(), wrong)


async def test_a_key_that_has_ended_is_no_guess(gate: Gate, keyring: Keyring, store: ModelStore) -> None:
    token, _ = issue(store.keys, "ada", KeyScope.READ, expires=None, created_by="admin")
    store.keys.revoke("ada")
    await keyring.refresh()
    for _ in range(2 * TRIES):
        with pytest.raises(KeyMissing, match="was revoked"):
            await gate.caller_of(keyring, scope("GET"), {b"x-api-key": token.encode()})


async def test_a_key_that_can_be_guessed_does_not_open_while_its_address_waits(gate: Gate, keyring: Keyring) -> None:
    right = {b"x-api-key": KEY.encode()}
    for _ in range(TRIES):
        gate.failures.add("10.0.0.9")
    assert not gate.knows(keyring, right)
    with pytest.raises(TooManyFailures):
        await gate.caller_of(keyring, scope(), right)
    assert await gate.caller_of(keyring, scope(client="10.0.0.8"), right) == ADMIN


def test_failures_are_counted_per_network_and_bounded() -> None:
    failures = Failures(lambda: 0.0)
    for number in range(TRIES):
        failures.add(f"2001:db8::{number}")
    assert failures.wait_s("2001:db8::ffff") == 60
    assert failures.wait_s("2001:db9::1") == 0
    for number in range(2 * ADDRESSES):
        failures.add(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(failures._failed_at) == ADDRESSES
