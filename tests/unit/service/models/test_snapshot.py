"""The snapshot of a bucket: a process that starts reads one object instead of every manifest, and no damaged one."""

import json
import logging
import threading
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from model_store import ModelStore, Split, WeightedVersion
from model_store.bucket import Bucket
from model_store.changes import EARLIER_SNAPSHOT, SNAPSHOT, Changes
from model_store.errors import StoreUnavailable
from service.models import reader as reader_module
from service.models.catalog import Catalog
from service.models.index import ModelEntry, Reference
from service.models.reader import StoreReader
from service.models.snapshot import read_snapshot
from tests.unit.service.models.test_reader import Clock, CountedObjects, seen, without_notes
from tests.unit.service.tiny_networks import publish


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> CountedObjects:
    monkeypatch.setattr(reader_module, "UNPACKED_VERSIONS", 3)
    return CountedObjects(Bucket.in_memory())


@pytest.fixture
def store(objects: CountedObjects) -> ModelStore:
    """Six versions of two models, an alias, and a snapshot of all."""
    store = ModelStore(objects)
    for model in ("alpha", "beta"):
        for _ in range(3):
            publish(store, model)
    store.set_alias("alpha", "prod", 2)
    packed(store)
    return store


def packed(store: ModelStore) -> StoreReader:
    reader = StoreReader(store, Clock())
    reader.read(thoroughly=False)
    reader.pack()
    return reader


def test_a_process_that_starts_reads_the_snapshot_instead_of_every_manifest(
    store: ModelStore, objects: CountedObjects
) -> None:
    before = packed(store).read(thoroughly=False)
    objects.counts.clear()
    reader = StoreReader(store, Clock())
    first = reader.read(thoroughly=False)
    assert {name: dict(entry.versions) for name, entry in first.items()} == {
        name: dict(entry.versions) for name, entry in before.items()
    }
    assert first["alpha"].aliases == {"prod": 2}
    assert objects.counts["names"] == 0
    assert reader.read(thoroughly=False) is first  # the survey finds nothing else
    assert objects.counts["names"] == 1


def test_what_was_noted_since_is_part_of_the_first_answer(store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "gamma")
    store.delete_version("beta", 3)
    store.set_alias("alpha", "prod", 4)
    reader = StoreReader(store, Clock())
    assert seen(reader) == {"alpha": [1, 2, 3, 4], "beta": [1, 2], "gamma": [1]}
    assert reader.read(thoroughly=False)["alpha"].aliases == {"prod": 4}


def test_a_split_is_part_of_the_snapshot(store: ModelStore) -> None:
    split = Split(canary=WeightedVersion(version=3, weight=0.25))
    store.set_alias("alpha", "prod", 2, split)
    packed(store)
    reader = StoreReader(store, Clock())
    for _ in range(2):  # the snapshot, the survey
        entry = reader.read(thoroughly=False)["alpha"]
        assert (entry.aliases, entry.split("prod")) == ({"prod": 2}, split)
    store.set_alias("alpha", "prod", 3)
    assert StoreReader(store, Clock()).read(thoroughly=False)["alpha"].split("prod") == Split()


def earlier_snapshot(models: Mapping[str, ModelEntry], aliases: dict[str, dict[str, list[int]]]) -> bytes:
    """As it was written before there were records and splits."""
    head = json.dumps({"format": 1, "aliases": aliases, "entries": []}).encode()
    versions = (version for entry in models.values() for version in entry.versions.values())
    lines = [head, *(version.manifest.model_dump_json().encode() for version in versions)]
    text = b"".join(line + b"\n" for line in lines)
    return zlib.compress(text + sha256(text).hexdigest().encode() + b"\n", 1)


def test_a_split_that_a_snapshot_of_an_earlier_release_left_out_is_found_by_the_survey(
    store: ModelStore, objects: CountedObjects
) -> None:
    split = Split(shadow=WeightedVersion(version=3, weight=0.25))
    store.set_alias("alpha", "prod", 2, split)
    models = packed(store).read(thoroughly=False)
    objects.delete([SNAPSHOT])
    objects.put(EARLIER_SNAPSHOT, earlier_snapshot(models, {"alpha": {"prod": [2, 2]}}))
    reader = StoreReader(store, Clock())
    assert reader.read(thoroughly=False)["alpha"].aliases == {"prod": 2}
    assert reader.read(thoroughly=False)["alpha"].split("prod") == split


def test_what_nobody_noted_is_found_by_the_survey_that_follows(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_notes(monkeypatch)
    publish(store, "alpha")
    store.delete_model("beta")
    reader = StoreReader(store, Clock())
    assert seen(reader) == {"alpha": [1, 2, 3], "beta": [1, 2, 3]}
    assert seen(reader) == {"alpha": [1, 2, 3, 4]}


@pytest.mark.parametrize("damage", ["cut", "changed", "other format", "empty"])
def test_a_damaged_snapshot_is_not_used_and_is_replaced(
    store: ModelStore, objects: CountedObjects, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = objects.read(SNAPSHOT)
    broken = {
        "cut": whole[:-9],
        "changed": whole[:100] + bytes([whole[100] ^ 255]) + whole[101:],
        "other format": b"{}",
        "empty": b"",
    }
    objects.put(SNAPSHOT, broken[damage])
    with caplog.at_level(logging.WARNING):
        reader = packed(store)
    assert seen(reader) == {"alpha": [1, 2, 3], "beta": [1, 2, 3]}
    assert "snapshot is not used" in caplog.text
    assert read_snapshot(store.contents) is not None


def test_it_is_written_again_only_when_enough_has_come_on_top(store: ModelStore, objects: CountedObjects) -> None:
    before = objects.read(SNAPSHOT)
    reader = packed(store)
    publish(store, "alpha")
    reader.read(thoroughly=False)
    reader.pack()
    assert objects.read(SNAPSHOT) == before
    for _ in range(2):
        publish(store, "alpha")
    reader.read(thoroughly=False)
    reader.pack()
    assert objects.read(SNAPSHOT) != before


def test_a_small_store_and_a_local_one_have_none(objects: CountedObjects) -> None:
    store = ModelStore(objects)
    publish(store, "alpha")
    packed(store)
    assert objects.list("changes/snapshot") == [] == [s for s in objects.list("changes/") if s.path == SNAPSHOT]
    objects._is_remote = False
    for _ in range(5):
        publish(store, "alpha")
    packed(store)
    assert read_snapshot(store.contents) is None


class RefusesSnapshots(CountedObjects):
    """A bucket that may only be read."""

    def put(self, path: str, data: bytes | Path) -> None:
        if path == SNAPSHOT:
            raise StoreUnavailable(self.url, "403 Forbidden")
        super().put(path, data)


def test_a_bucket_that_refuses_it_is_asked_once_an_hour(
    objects: CountedObjects, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = ModelStore(RefusesSnapshots(objects))
    for _ in range(4):
        publish(refusing, "alpha")
    reader = packed(refusing)
    reader.pack()
    assert caplog.text.count("no snapshot of the store was written") == 1
    assert isinstance(refusing.changes, Changes)


@pytest.mark.anyio
async def test_a_survey_that_takes_long_delays_neither_readiness_nor_predictions(
    store: ModelStore, objects: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, may_end = Clock(), threading.Event()
    catalog = Catalog(store, refresh_s=0.3, clock=clock)
    try:
        first = await catalog.index()
        names = objects.names
        monkeypatch.setattr(objects, "names", lambda prefix: (may_end.wait(30), names(prefix))[1])
        clock.now += 10.0
        assert await catalog.index_for_readiness() is first
        manifest = catalog.cached(Reference("alpha"))
        assert manifest is not None
        assert manifest.version == 3
        may_end.set()
        assert (await catalog.index()).read_at == clock.now
    finally:
        may_end.set()
        catalog.close()
