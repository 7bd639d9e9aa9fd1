"""How every store keeps datasets: published atomically, and uploads that fail are reported as failed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from model_store import (
    ConversionFailure,
    ConversionStatus,
    DatasetDamaged,
    DatasetFacts,
    DatasetMissing,
    DatasetTaken,
    ModelStore,
    StoreUnavailable,
    UploadWithdrawn,
)
from model_store.objects import Objects
from tests.unit.model_store.faulty_objects import ActsBeforeListing, RefusesFile

FACTS = DatasetFacts(
    title="Pets",
    classes=("cat", "dog"),
    image_shape=(8, 8, 1),
    train_per_class=(3, 3),
    test_per_class=(1, 1),
    mean=(0.5,),
    deviation=(0.1,),
    fingerprint="ab" * 32,
    licence="CC0",
    source="made",
    options={},
    report={},
)


def status(upload: str = "1", **changes: object) -> ConversionStatus:
    now = datetime.now(UTC)
    known = {"upload": upload, "started_at": now, "heartbeat_at": now}
    return ConversionStatus.model_validate(known | changes)


FAILED: dict[str, Any] = {"state": "failed", "error": ConversionFailure(code="disk_full", message="no free space")}


def stored(objects: Objects) -> set[str]:
    return {found.path for found in objects.list("datasets/")}


class DatasetsBehaviour:
    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, Path]:
        made = {name: tmp_path / name for name in ("train-images.npy", "test-images.npy")}
        for name, path in made.items():
            path.write_bytes(name.encode() * 1000)
        return made

    def test_a_dataset_comes_back_as_it_was_published_and_its_status_is_gone(
        self, store: ModelStore, files: dict[str, Path]
    ) -> None:
        datasets = store.datasets
        datasets.begin("pets", status())
        manifest = datasets.publish("pets", "1", FACTS, files)
        assert datasets.manifest("pets") == manifest
        assert datasets.status("pets") is None
        for name, path in files.items():
            assert b"".join(datasets.stream(manifest, name)) == path.read_bytes()
        with pytest.raises(DatasetTaken):
            datasets.begin("pets", status("2"))
        assert datasets.delete("pets") > 2000
        assert datasets.names() == []

    @pytest.mark.parametrize("file", ["train-images.npy", "test-images.npy"])
    def test_a_publisher_that_fails_midway_leaves_only_its_status(
        self, objects: Objects, files: dict[str, Path], file: str
    ) -> None:
        datasets = ModelStore(RefusesFile(objects, file)).datasets
        datasets.begin("pets", status())
        with pytest.raises(StoreUnavailable):
            datasets.publish("pets", "1", FACTS, files)
        datasets.report("pets", status(**FAILED))
        assert stored(objects) == {"datasets/pets/uploads/1/status.json"}
        found = datasets.status("pets")
        assert found is not None
        assert (found.state, found.error and found.error.code) == ("failed", "disk_full")
        with pytest.raises(DatasetMissing):
            datasets.manifest("pets")

    def test_an_upload_that_was_deleted_can_neither_report_nor_publish(
        self, objects: Objects, store: ModelStore, files: dict[str, Path]
    ) -> None:
        store.datasets.begin("pets", status())
        store.datasets.delete("pets")
        with pytest.raises(UploadWithdrawn):
            store.datasets.report("pets", status())
        with pytest.raises(UploadWithdrawn):
            store.datasets.publish("pets", "1", FACTS, files)
        assert stored(objects) == set()

    def test_of_two_uploads_of_one_name_the_second_waits_until_the_first_has_failed(self, store: ModelStore) -> None:
        store.datasets.begin("pets", status())
        with pytest.raises(DatasetTaken, match="being converted"):
            store.datasets.begin("pets", status("2"))
        store.datasets.report("pets", status(**FAILED))
        store.datasets.begin("pets", status("2"))
        current = store.datasets.status("pets")
        assert current is not None
        assert current.upload == "2"

    def test_a_dataset_that_is_published_while_it_is_looked_up_is_found(
        self, objects: Objects, store: ModelStore, files: dict[str, Path]
    ) -> None:
        """Its status goes once its manifest is there: a reader between the two must not see neither."""
        store.datasets.begin("pets", status())
        published = ActsBeforeListing(objects, 1, lambda: store.datasets.publish("pets", "1", FACTS, files))
        found = ModelStore(published).datasets.find("pets")
        assert found is not None
        assert found == store.datasets.manifest("pets")

    @pytest.mark.parametrize("nth", [1, 2])
    def test_an_upload_that_begins_while_another_is_published_is_refused_and_removes_nothing(
        self, objects: Objects, store: ModelStore, files: dict[str, Path], nth: int
    ) -> None:
        store.datasets.begin("pets", status())
        published = ActsBeforeListing(objects, nth, lambda: store.datasets.publish("pets", "1", FACTS, files))
        with pytest.raises(DatasetTaken):
            ModelStore(published).datasets.begin("pets", status("2"))
        manifest = store.datasets.manifest("pets")
        for name, path in files.items():
            assert b"".join(store.datasets.stream(manifest, name)) == path.read_bytes()

    def test_an_unreadable_status_is_damage_and_does_not_block_the_name(
        self, objects: Objects, store: ModelStore
    ) -> None:
        objects.put("datasets/pets/uploads/1/status.json", b"{")
        with pytest.raises(DatasetDamaged, match=r"status\.json of dataset 'pets'"):
            store.datasets.status("pets")
        store.datasets.begin("pets", status("2"))
        assert stored(objects) == {"datasets/pets/uploads/2/status.json"}

    def test_leftovers_of_dead_conversions_are_swept_and_what_is_published_stays(
        self, objects: Objects, store: ModelStore, files: dict[str, Path]
    ) -> None:
        store.datasets.begin("pets", status("2"))
        store.datasets.publish("pets", "2", FACTS, files)
        kept = stored(objects)
        objects.put("datasets/pets/uploads/1/train-images.npy", b"half")
        objects.put("datasets/cars/uploads/1/train-images.npy", b"half")
        objects.put("datasets/cars/uploads/1/status.json", b"{}")
        assert store.datasets.sweep(older_than_s=3600) == 0
        assert store.datasets.sweep(older_than_s=-60) == 2
        assert stored(objects) == kept | {"datasets/cars/uploads/1/status.json"}

    def grown(self, store: ModelStore, files: dict[str, Path], upload: str = "2") -> int:
        """The number of one more version of a dataset."""
        number = store.datasets.next_version("pets")
        store.datasets.begin("pets", status(upload, version=number))
        store.datasets.publish("pets", upload, FACTS, files, version=number)
        return number

    def test_a_dataset_has_versions_and_the_newest_counts(self, store: ModelStore, files: dict[str, Path]) -> None:
        store.datasets.begin("pets", status())
        store.datasets.publish("pets", "1", FACTS, files)
        assert [self.grown(store, files, upload) for upload in ("2", "3")] == [2, 3]
        assert [found.version for found in store.datasets.versions("pets")] == [1, 2, 3]
        assert store.datasets.manifest("pets").upload == "3"
        first = store.datasets.manifest("pets", 1)
        assert (first.upload, first.version) == ("1", 1)
        for found in store.datasets.versions("pets"):
            assert len(b"".join(store.datasets.stream(found, "train-images.npy"))) > 1000
        with pytest.raises(DatasetMissing):
            store.datasets.manifest("pets", 4)
        store.datasets.delete("pets")
        assert store.datasets.names() == []

    def test_a_version_can_be_deleted_and_its_number_is_not_given_again(
        self, objects: Objects, store: ModelStore, files: dict[str, Path]
    ) -> None:
        store.datasets.begin("pets", status())
        store.datasets.publish("pets", "1", FACTS, files)
        self.grown(store, files)
        assert store.datasets.delete_version("pets", 2) > 2000
        assert [found.version for found in store.datasets.versions("pets")] == [1]
        assert self.grown(store, files, "3") == 3
        store.datasets.delete_version("pets", 1)
        assert store.datasets.manifest("pets").version == 3
        assert not [path for path in stored(objects) if "/uploads/" in path]
        with pytest.raises(DatasetTaken):
            store.datasets.refuse_taken("pets")

    def test_one_addition_at_a_time_and_what_failed_ones_left_is_removed(
        self, objects: Objects, store: ModelStore, files: dict[str, Path]
    ) -> None:
        store.datasets.begin("pets", status())
        store.datasets.publish("pets", "1", FACTS, files)
        self.grown(store, files)
        kept = stored(objects)
        store.datasets.begin("pets", status("3", version=3))
        found = store.datasets.addition("pets")
        assert found is not None
        assert found.version == 3
        with pytest.raises(DatasetTaken, match="pictures are being added"):
            store.datasets.begin("pets", status("4", version=3))
        objects.put("datasets/pets/additions/3/train-images.npy", b"half")
        store.datasets.report("pets", status("3", version=3, **FAILED))
        store.datasets.begin("pets", status("4", version=3))
        assert stored(objects) == kept | {"datasets/pets/additions/4/status.json"}
        assert store.datasets.sweep(older_than_s=-60) == 1
        assert stored(objects) == kept

    def test_a_damaged_version_keeps_all_files_from_being_swept(
        self, objects: Objects, store: ModelStore, files: dict[str, Path]
    ) -> None:
        store.datasets.begin("pets", status())
        store.datasets.publish("pets", "1", FACTS, files)
        self.grown(store, files)
        objects.put("datasets/pets/versions/000002.json", b"{")
        kept = stored(objects)
        assert store.datasets.sweep(older_than_s=-60) == 0
        assert stored(objects) == kept
        assert [found.version for found in store.datasets.versions("pets")] == [1]
