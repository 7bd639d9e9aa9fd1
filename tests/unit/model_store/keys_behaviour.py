"""Keys in the store: one per name, revoked for good, and the races about them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from model_store import InvalidName, KeyNameTaken, KeyNotFound, KeyRecord, ModelStore
from model_store.objects import Objects

NOW = datetime.now(UTC)


def record(name: str = "ada", digit: str = "a", expires_at: datetime | None = None) -> KeyRecord:
    return KeyRecord(
        name=name, scope="train", sha256=digit * 64, created_at=NOW, created_by="local", expires_at=expires_at
    )


class KeysBehaviour:
    """Of every store."""

    def test_a_key_is_listed_until_another_of_its_name_replaces_it(self, store: ModelStore) -> None:
        keys = store.keys
        assert keys.all() == []
        keys.create(record("ben"))
        keys.create(record("ada"))
        assert [key.name for key in keys.all()] == ["ada", "ben"]
        with pytest.raises(KeyNameTaken):
            store.keys.create(record("ada", "b"))
        revoked = store.keys.revoke("ada")
        assert revoked.revoked_at is not None
        assert store.keys.revoke("ada") == revoked
        assert keys.all() == [revoked, record("ben")]
        store.keys.create(record("ada", "b"))
        assert [key.sha256[0] for key in keys.all()] == ["b", "a"]

    def test_an_expired_key_leaves_its_name_free(self, store: ModelStore) -> None:
        store.keys.create(record(expires_at=NOW - timedelta(seconds=1)))
        store.keys.create(record(digit="b"))
        assert [key.sha256[0] for key in store.keys.all()] == ["b"]

    def test_of_many_keys_created_under_one_name_one_succeeds(self, store: ModelStore) -> None:
        def create(digit: str) -> bool:
            try:
                store.keys.create(record(digit=digit))
            except KeyNameTaken:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(create, "01234567"))
        assert sum(outcomes) == 1
        assert [key.sha256[0] for key in store.keys.all()] == [str(outcomes.index(True))]

    def test_revoking_at_once_is_revoking_once(self, store: ModelStore) -> None:
        store.keys.create(record())
        with ThreadPoolExecutor(8) as pool:
            revoked = set(pool.map(lambda _: store.keys.revoke("ada").revoked_at, range(8)))
        assert len(revoked) == 1

    def test_there_is_no_key_of_an_unknown_or_invalid_name(self, store: ModelStore) -> None:
        with pytest.raises(KeyNotFound):
            store.keys.revoke("ada")
        for name in ("", "..", "A", "a/b"):
            with pytest.raises(InvalidName):
                store.keys.revoke(name)
            with pytest.raises(InvalidName):
                store.keys.create(record(name))

    def test_a_damaged_record_opens_nothing(self, store: ModelStore, objects: Objects) -> None:
        store.keys.create(record())
        objects.put("keys/ada/2.json", b"{")
        objects.put("keys/README", b"not a key")
        assert store.keys.all() == []
        assert store.keys.revoke("ada").revoked_at is not None
        assert [key.name for key in store.keys.all()] == ["ada"]
