"""How every store moves aliases and deletes versions and models."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from model_store import (
    AliasNotFound,
    ModelNotFound,
    ModelStore,
    Split,
    VersionInUse,
    VersionNotFound,
    WeightedVersion,
)
from model_store.objects import Objects
from tests.unit.model_store.published import FILES, facts, publish, version_files


class AliasesBehaviour:
    """Aliases and deletions."""

    def test_an_alias_is_set_rolled_back_and_deleted_and_every_change_is_kept(self, store: ModelStore) -> None:
        publish(store)
        publish(store)

        changes = [store.set_alias("shirts", "prod", version) for version in (1, 2, 1)]
        assert store.aliases("shirts") == {"prod": 1}
        store.delete_alias("shirts", "prod")

        assert store.aliases("shirts") == {}
        with pytest.raises(AliasNotFound):
            store.delete_alias("shirts", "prod")
        history = store.alias_history("shirts", "prod")
        assert [change.version for change in history] == [1, 2, 1, None]
        assert history[:3] == changes
        assert all(change.at.utcoffset() == timedelta(0) for change in history)
        assert [change.at for change in history] == sorted(change.at for change in history)
        store.set_alias("shirts", "prod", 2)
        assert store.aliases("shirts") == {"prod": 2}

    def test_more_than_nine_changes_are_kept_in_order(self, store: ModelStore) -> None:
        publish(store)
        publish(store)
        for change in range(12):
            store.set_alias("shirts", "prod", change % 2 + 1)

        assert [change.version for change in store.alias_history("shirts", "prod")] == [1, 2] * 6
        assert store.aliases("shirts") == {"prod": 2}

    def test_an_alias_needs_a_version_that_exists(self, store: ModelStore) -> None:
        with pytest.raises(ModelNotFound):
            store.set_alias("shirts", "prod", 1)
        publish(store)
        with pytest.raises(VersionNotFound):
            store.set_alias("shirts", "prod", 2)
        with pytest.raises(AliasNotFound):
            store.alias_history("shirts", "prod")
        with pytest.raises(AliasNotFound):
            store.delete_alias("shirts", "prod")

    def test_a_version_with_aliases_cannot_be_deleted(self, store: ModelStore) -> None:
        publish(store)
        publish(store)
        for alias, version in (("prod", 1), ("canary", 1), ("next", 2)):
            store.set_alias("shirts", alias, version)

        with pytest.raises(VersionInUse, match="canary, prod") as caught:
            store.delete_version("shirts", 1)

        assert caught.value.aliases == ("canary", "prod")
        assert store.read("shirts", 1, "model.keras") == FILES["model.keras"]
        for alias in ("prod", "canary"):
            store.set_alias("shirts", alias, 2)
        store.delete_version("shirts", 1)
        assert store.aliases("shirts") == {"canary": 2, "next": 2, "prod": 2}

    def test_a_split_is_kept_protects_its_versions_and_ends_with_the_next_change(
        self, store: ModelStore, objects: Objects
    ) -> None:
        for _ in range(3):
            publish(store)
        split = Split(WeightedVersion(version=2, weight=0.25), WeightedVersion(version=3, weight=1.0))

        assert store.set_alias("shirts", "prod", 1, split).split == split

        assert store.aliases("shirts") == {"prod": 1}
        assert store.contents.alias_change("shirts", "prod", 1) == store.alias_history("shirts", "prod")[0]
        for version, user in ((1, "got prod$"), (2, r"prod \(canary\)"), (3, r"prod \(shadow\)")):
            with pytest.raises(VersionInUse, match=user):
                store.delete_version("shirts", version)
        with pytest.raises(VersionNotFound):
            store.set_alias("shirts", "prod", 1, Split(shadow=WeightedVersion(version=4, weight=1.0)))
        store.set_alias("shirts", "prod", 1)
        assert [change.split for change in store.alias_history("shirts", "prod")] == [split, Split()]
        assert set(json.loads(objects.read("models/shirts/aliases/prod/2.json"))) == {"version", "at"}
        store.delete_version("shirts", 2)

    def test_no_change_is_lost_when_many_set_one_alias_at_once(self, store: ModelStore) -> None:
        versions = [publish(store, files={"a": b"1"}).version for _ in range(4)]
        with ThreadPoolExecutor(8) as setters:
            changes = list(setters.map(lambda n: store.set_alias("shirts", "prod", versions[n % 4]), range(16)))

        history = store.alias_history("shirts", "prod")

        assert {(change.version, change.at) for change in history} == {(made.version, made.at) for made in changes}
        assert store.aliases("shirts") == {"prod": history[-1].version}

    def test_an_alias_whose_last_change_is_damaged_points_nowhere_until_it_is_set_again(
        self, store: ModelStore, objects: Objects, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(store)
        store.set_alias("shirts", "prod", 1)
        objects.put("models/shirts/aliases/prod/2.json", b"garbage")

        with caplog.at_level(logging.WARNING):
            assert store.aliases("shirts") == {}
        assert "change 2 of alias prod" in caplog.text
        store.set_alias("shirts", "prod", 1)
        assert store.aliases("shirts") == {"prod": 1}
        assert [change.version for change in store.alias_history("shirts", "prod")] == [1, 1]

    def test_an_alias_set_while_its_version_was_deleted_is_left_out(self, store: ModelStore, objects: Objects) -> None:
        publish(store)
        publish(store)
        store.set_alias("shirts", "prod", 2)
        objects.delete(version_files(objects)[len(FILES) + 1 :])

        assert store.aliases("shirts") == {}

    def test_deleting_a_version_frees_its_bytes_and_says_how_many(self, store: ModelStore, objects: Objects) -> None:
        publish(store)
        publish(store)
        before = sum(found.size_bytes for found in objects.list(""))

        freed = store.delete_version("shirts", 1)

        assert freed == before - sum(found.size_bytes for found in objects.list(""))
        assert freed > sum(map(len, FILES.values()))
        assert store.versions("shirts") == [2]
        with pytest.raises(VersionNotFound):
            store.manifest("shirts", 1)
        with pytest.raises(VersionNotFound):
            store.delete_version("shirts", 1)

    def test_a_number_is_never_given_out_again(self, store: ModelStore) -> None:
        publish(store)
        assert publish(store).version == 2
        store.delete_version("shirts", 2)
        assert publish(store).version == 3
        with store.draft("shirts") as draft:
            assert draft.number == 4
        store.delete_model("shirts")
        assert publish(store).version == 5
        assert store.versions("shirts") == [5]

    def test_deleting_a_model_removes_versions_and_aliases_and_nothing_else(
        self, store: ModelStore, objects: Objects
    ) -> None:
        publish(store, "coats")
        publish(store)
        publish(store)
        store.set_alias("shirts", "prod", 1)
        with store.draft("shirts") as draft:
            draft.add("model.keras", b"weights")

            freed = store.delete_model("shirts")

            assert freed > 2 * sum(map(len, FILES.values()))
            assert store.models() == ["coats"]
            assert version_files(objects) == [f"models/shirts/versions/{draft.number}/model.keras"]
            with pytest.raises(ModelNotFound):
                store.aliases("shirts")
            draft.commit(facts())

        assert store.versions("shirts") == [3]
        assert store.aliases("shirts") == {}
        with pytest.raises(AliasNotFound):
            store.alias_history("shirts", "prod")
