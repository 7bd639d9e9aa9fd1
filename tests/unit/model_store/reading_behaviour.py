"""What every store answers when something is missing, damaged or foreign."""

import json

import pytest

from model_store import (
    ArtifactCorrupt,
    FileNotInVersion,
    ModelNotFound,
    ModelStore,
    VersionNotFound,
)
from model_store.objects import CHUNK_BYTES, Objects
from tests.unit.model_store.faulty_objects import (
    ActsBeforeReading,
)
from tests.unit.model_store.published import FILES, publish


class ReadingBehaviour:
    """Reads of what is not there, or not right."""

    def test_what_is_not_there_is_named(self, store: ModelStore) -> None:
        for ask in (store.versions, store.aliases, store.delete_model):
            with pytest.raises(ModelNotFound, match="'shirts'"):
                ask("shirts")
        with pytest.raises(ModelNotFound):
            store.manifest("shirts", 1)

        publish(store)

        for version in (0, -1, 2, 10**12):
            with pytest.raises(VersionNotFound):
                store.manifest("shirts", version)
            with pytest.raises(VersionNotFound):
                store.delete_version("shirts", version)
        with pytest.raises(VersionNotFound):
            store.read("shirts", 2, "model.keras")
        with pytest.raises(FileNotInVersion, match=r"no file 'weights\.h5'"):
            store.read("shirts", 1, "weights.h5")
        with pytest.raises(FileNotInVersion):
            store.stream("shirts", 1, "manifest.json")

    @pytest.mark.parametrize("damage", ["a flipped byte", "a missing end", "an extra end", "nothing left", "gone"])
    def test_damage_is_detected_and_other_versions_still_read(
        self, store: ModelStore, objects: Objects, damage: str
    ) -> None:
        publish(store)
        publish(store)
        path, data = "models/shirts/versions/2/model.onnx", FILES["model.onnx"]
        damaged = {
            "a flipped byte": data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "a missing end": data[:-1],
            "an extra end": data + b"x",
            "nothing left": b"",
        }
        if damage == "gone":
            objects.delete([path])
        else:
            objects.put(path, damaged[damage])

        with pytest.raises(ArtifactCorrupt) as caught:
            store.read("shirts", 2, "model.onnx")
        with pytest.raises(ArtifactCorrupt):
            list(store.stream("shirts", 2, "model.onnx"))

        assert (caught.value.model, caught.value.version, caught.value.file) == ("shirts", 2, "model.onnx")
        assert store.read("shirts", 2, "model.keras") == FILES["model.keras"]
        assert store.read("shirts", 1, "model.onnx") == FILES["model.onnx"]

    def test_two_files_swapped_are_detected(self, store: ModelStore, objects: Objects) -> None:
        publish(store, files={"a.bin": b"1111", "b.bin": b"2222"})
        objects.put("models/shirts/versions/1/a.bin", b"2222")
        objects.put("models/shirts/versions/1/b.bin", b"1111")

        for file in ("a.bin", "b.bin"):
            with pytest.raises(ArtifactCorrupt, match="SHA-256"):
                store.read("shirts", 1, file)

    def test_a_stream_yields_the_file_in_chunks(self, store: ModelStore) -> None:
        data = bytes(range(256)) * 14_000
        publish(store, files={"model.keras": data, "empty.txt": b""})

        chunks = list(store.stream("shirts", 1, "model.keras"))

        assert b"".join(chunks) == data
        assert len(chunks) > 1
        assert max(map(len, chunks)) < 3 * CHUNK_BYTES
        assert list(store.stream("shirts", 1, "empty.txt")) == []

    def test_a_damaged_file_is_never_streamed_to_its_end(self, store: ModelStore, objects: Objects) -> None:
        data = bytes(3 * CHUNK_BYTES)
        publish(store, files={"model.keras": data})
        objects.put("models/shirts/versions/1/model.keras", b"\1" + data[1:])

        received: list[bytes] = []
        with pytest.raises(ArtifactCorrupt):
            received.extend(store.stream("shirts", 1, "model.keras"))

        assert sum(map(len, received)) < len(data)

    def test_a_stream_that_cannot_succeed_fails_before_the_first_chunk_is_asked_for(
        self, store: ModelStore, objects: Objects
    ) -> None:
        publish(store)
        objects.put("models/shirts/versions/1/model.onnx", b"short")

        with pytest.raises(ArtifactCorrupt, match="expected 2500 bytes, got 5"):
            store.stream("shirts", 1, "model.onnx")
        with pytest.raises(FileNotInVersion):
            store.stream("shirts", 1, "nothing")

    @pytest.mark.parametrize("garbage", [b"", b"garbage", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 100_000])
    def test_a_manifest_that_does_not_parse_is_corrupt_and_hides_no_other_version(
        self, store: ModelStore, objects: Objects, garbage: bytes
    ) -> None:
        publish(store)
        objects.put("models/shirts/versions/2/manifest.json", garbage)

        assert store.versions("shirts") == [1, 2]
        with pytest.raises(ArtifactCorrupt, match=r"manifest\.json of version 2"):
            store.manifest("shirts", 2)
        with pytest.raises(ArtifactCorrupt):
            store.read("shirts", 2, "model.keras")
        assert store.manifest("shirts", 1).version == 1
        assert store.delete_version("shirts", 2) == len(garbage)

    def test_a_manifest_in_the_wrong_place_is_corrupt(self, store: ModelStore, objects: Objects) -> None:
        publish(store)
        copied = objects.read("models/shirts/versions/1/manifest.json")
        objects.put("models/shirts/versions/5/manifest.json", copied)
        objects.put("models/coats/versions/1/manifest.json", copied)

        for model, version in (("shirts", 5), ("coats", 1)):
            with pytest.raises(ArtifactCorrupt, match="it describes version 1 of 'shirts'"):
                store.manifest(model, version)

    def test_a_manifest_that_lists_a_path_is_corrupt(self, store: ModelStore, objects: Objects) -> None:
        publish(store)
        path = "models/shirts/versions/1/manifest.json"
        written = json.loads(objects.read(path))
        written["files"]["../../../probe.json"] = written["files"]["model.onnx"]
        objects.put(path, json.dumps(written).encode())

        with pytest.raises(ArtifactCorrupt):
            store.manifest("shirts", 1)

    def test_a_version_deleted_while_it_is_read_is_not_called_corrupt(
        self, store: ModelStore, objects: Objects
    ) -> None:
        publish(store)
        publish(store)
        slow = ModelStore(ActsBeforeReading(objects, "model.onnx", lambda: store.delete_version("shirts", 2)))

        with pytest.raises(VersionNotFound):
            slow.read("shirts", 2, "model.onnx")

    def test_foreign_files_in_the_store_are_ignored(self, store: ModelStore, objects: Objects) -> None:
        publish(store)
        manifest = objects.read("models/shirts/versions/1/manifest.json")
        junk = [
            "models/README.txt",
            "models/Shirts/versions/1/manifest.json",
            "models/NaN/versions/1/manifest.json",
            "models/.hidden/versions/1/manifest.json",
            "models/shirts/manifest.json",
            "models/shirts/versions/manifest.json",
            "models/shirts/versions/v9/manifest.json",
            "models/shirts/versions/NaN/manifest.json",
            "models/shirts/versions/02/manifest.json",
            "models/shirts/versions/-3/manifest.json",
            "models/shirts/versions/0/manifest.json",
            "models/shirts/versions/٣/manifest.json",
            "models/shirts/versions/12345678901/manifest.json",
            "models/shirts/versions/4/deeper/manifest.json",
            "models/shirts/versions/10/garbage",
            "models/shirts/aliases/loose",
            "models/shirts/aliases/prod/first.json",
            "models/shirts/aliases/prod/1.txt",
            "models/shirts/aliases/UP/1.json",
            "models/shirts/numbers/eleven",
            "somewhere/else",
        ]
        for path in junk:
            objects.put(path, manifest)

        assert store.models() == ["shirts"]
        assert store.versions("shirts") == [1]
        assert store.aliases("shirts") == {}
        assert store.sweep(older_than_s=0) == 0
        assert {found.path for found in objects.list("")} >= set(junk)
        assert publish(store).version == 11  # past the junk directory `10`
