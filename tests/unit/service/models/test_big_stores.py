"""A store with many versions: what a process keeps of each, and that lists and references parse no other manifest."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from model_store import Manifest, ModelStore
from model_store.bucket import Bucket
from model_store.changes import EARLIER_SNAPSHOT, LOG
from model_store.manifest import FileEntry
from service.models import catalog as catalog_module
from service.models import packed_manifests
from service.models import reader as reader_module
from service.models.answers import model_answer
from service.models.catalog import Catalog
from service.models.index import Index, ModelEntry, Reference
from service.models.known_model import KnownModel
from service.models.leaderboard import leaderboard
from service.models.model_lists import ModelQuery
from service.models.reader import StoreReader
from service.models.retention import RetentionRules, removable
from service.models.snapshot import Snapshot, read_snapshot, write_snapshot
from service.models.version_record import VersionRecord
from tests.unit.service.models.test_reader import Clock, CountedObjects, seen
from tests.unit.service.models.test_snapshot import earlier_snapshot
from tests.unit.service.tiny_networks import publish

FILES = 18
"""Of a version, as a trainer publishes it."""
MOST_BYTES = 3000


@pytest.fixture
def objects() -> CountedObjects:
    return CountedObjects(Bucket.in_memory())


@pytest.fixture
def store(objects: CountedObjects) -> ModelStore:
    store = ModelStore(objects)
    for accuracy in (0.7, 0.9, 0.8):
        publish(store, "alpha", metrics={"test_accuracy": accuracy}, tags=["lesson"], recipe={"architecture": "cnn"})
    publish(store, "beta", doctor={"worst": "warning"}, note="second try")
    store.set_alias("alpha", "prod", 1)
    return store


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Manifest]]:
    """Every manifest that is parsed from its packed form."""
    found: list[Manifest] = []

    def noted(data: bytes) -> Manifest:
        found.append(Manifest.model_validate_json(data))
        return found[-1]

    packed_manifests.unpack.cache_clear()
    monkeypatch.setattr(packed_manifests, "_parsed", noted)
    yield found
    packed_manifests.unpack.cache_clear()


def test_a_record_has_the_facts_of_its_manifest_and_the_manifest_itself(store: ModelStore) -> None:
    manifest = publish(store, "gamma", recipe={"test_samples": 20}, tags=["a"], note="n", owner="ada")
    record = VersionRecord.of(manifest)
    assert record.manifest == manifest
    assert (record.model, record.version, record.owner, record.tags) == ("gamma", 1, "ada", ("a",))
    assert record.metrics == manifest.metrics
    assert (record.architecture, record.is_tested_whole) == ("custom", False)
    assert VersionRecord.from_row("gamma", json.loads(json.dumps(record.to_row())), record.packed) == record


def test_lists_and_rules_parse_no_manifest_and_a_reference_parses_one(
    store: ModelStore, unpacked: list[Manifest]
) -> None:
    index = Index(StoreReader(store, Clock()).read(thoroughly=False), 0.0)
    answers = [model_answer(entry) for entry in ModelQuery(tag="lesson", architecture="cnn").models(index)]
    assert [(answer.name, answer.latest, answer.best, answer.aliases) for answer in answers] == [
        ("alpha", 3, 2, {"prod": 1})
    ]
    assert [row.version for row in leaderboard(index, "greys", None).rows] == [2]
    assert removable(index, RetentionRules(keep_best=1), datetime.now(UTC)) == []
    assert index.model("alpha").alias("best") == 2
    assert unpacked == []
    assert index.resolve(Reference("alpha", alias="prod")).version == 1
    assert index.resolve(Reference()).model == "beta"
    assert index.resolve(Reference("alpha", alias="prod")).version == 1
    assert [(manifest.model, manifest.version) for manifest in unpacked] == [("alpha", 1), ("beta", 1)]


def test_a_version_takes_at_most_three_kilobytes_of_memory() -> None:
    manifests = [realistic_manifest(version) for version in range(1, 301)]
    known = KnownModel()
    known.add(1, manifests[0])  # what is shared by all versions
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for manifest in manifests:
            known.add(manifest.version, manifest)
        entry = known.entry("alpha")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(entry, ModelEntry)
    assert (after - before) / len(manifests) < MOST_BYTES


def realistic_manifest(version: int) -> Manifest:
    return Manifest.model_validate(
        {
            "classes": [f"class {number}" for number in range(10)],
            "input_shape": (28, 28, 1),
            "parameters": 61_610,
            "metrics": {f"metric_{number}": version / (number + 7) for number in range(7)},
            "recipe": {"architecture": "lenet5-fashion", "optimizer": {"name": "adam", "learning_rate": 0.001}},
            "architecture": {"layers": [{"type": "conv2d", "filters": 6, "activation": "relu"}] * 8},
            "job": f"job{version:07d}",
            "dataset": "fashion_mnist",
            "dataset_fingerprint": "ab" * 32,
            "parity": 1e-6,
            "runtime": {"keras": "3.15.1", "tensorflow": "2.21.0"},
            "model": "alpha",
            "version": version,
            "published_at": datetime.now(UTC),
            "files": {
                f"file-{number}.json": FileEntry(
                    sha256=sha256(f"{version}/{number}".encode()).hexdigest(), size_bytes=version * number
                )
                for number in range(FILES)
            },
        }
    )


def test_a_snapshot_of_more_versions_than_a_block_has_is_read_back_as_it_was(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.models.snapshot.BLOCK_VERSIONS", 2)
    reader = StoreReader(store, Clock())
    reader.read(thoroughly=False)
    written = Snapshot(reader._known, frozenset({"an entry"}))
    write_snapshot(store.contents, written)
    assert read_snapshot(store.contents) == written


def test_the_snapshot_of_an_earlier_version_is_read_left_as_it_is_and_followed_by_one_of_ours(
    store: ModelStore, objects: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "UNPACKED_VERSIONS", 3)
    before = StoreReader(store, Clock()).read(thoroughly=False)
    earlier = earlier_snapshot(before, {"alpha": {"prod": [1, 1]}})
    objects.put(EARLIER_SNAPSHOT, earlier)
    objects.delete(entry.path for entry in objects.list(LOG))  # the snapshot covers it
    objects.counts.clear()
    reader = StoreReader(store, Clock())
    found = reader.read(thoroughly=False)
    assert objects.counts["read"] == 0
    assert {name: entry.versions for name, entry in found.items()} == {
        name: entry.versions for name, entry in before.items()
    }
    assert found["alpha"].aliases == {"prod": 1}
    reader.pack()
    assert objects.read(EARLIER_SNAPSHOT) == earlier
    assert read_snapshot(store.contents) is not None


def test_a_big_directory_has_a_snapshot_too(
    store: ModelStore, objects: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects._is_remote = False
    monkeypatch.setattr(reader_module, "UNPACKED_FILES", 4)
    reader = StoreReader(store, Clock())
    reader.read(thoroughly=False)
    reader.pack()
    objects.counts.clear()
    again = StoreReader(store, Clock())
    assert seen(again) == {"alpha": [1, 2, 3], "beta": [1]}
    assert objects.counts["read"] == 0
    publish(store, "beta")
    assert seen(again) == {"alpha": [1, 2, 3], "beta": [1, 2]}


@pytest.mark.anyio
async def test_the_manifests_of_everything_that_was_ever_asked_for_are_not_kept(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "RESOLVED_KEPT", 2)
    catalog = Catalog(store, refresh_s=60.0)
    try:
        await catalog.index()
        for version in (1, 2, 3, 1):
            found = catalog.cached(Reference("alpha", version=version))
            assert found is not None
            assert found.version == version
            assert catalog.cached(Reference("alpha", version=version)) is found
            assert len(catalog._resolved[1]) <= 2
    finally:
        catalog.close()
