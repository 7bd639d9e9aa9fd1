"""How every store publishes: atomically, with concurrent publishers, and when a publisher dies at any moment."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model_store import (
    DraftRefused,
    InvalidName,
    ModelNotFound,
    ModelStore,
    StoreFull,
    StoreUnavailable,
    VersionNotFound,
)
from model_store.drafts import Draft, reserve_number
from model_store.objects import Objects
from tests.unit.model_store.faulty_objects import (
    HasFreeBytes,
    LosesTheAnswerToCommits,
    RefusesDeletes,
    RefusesFile,
)
from tests.unit.model_store.published import FILES, facts, publish, version_files


def crashed_draft(objects: Objects, model: str = "shirts") -> Draft:
    """A draft with one file whose publisher never came back."""
    draft = Draft(objects, model, reserve_number(objects, model))
    draft.add("model.keras", b"half")
    return draft


def fail_after_one_file(store: ModelStore) -> None:
    with store.draft("shirts") as draft:
        draft.add("model.keras", b"weights")
        raise ZeroDivisionError


class DraftsBehaviour:
    """Drafts, commits and sweeps."""

    def test_a_published_version_reads_back_as_it_was_published(self, store: ModelStore) -> None:
        before = datetime.now(UTC)
        published = publish(store)

        manifest = store.manifest("shirts", 1)

        assert manifest == published
        assert facts() == type(facts()).model_validate(manifest.model_dump(include=set(type(facts()).model_fields)))
        assert (manifest.model, manifest.version, manifest.format) == ("shirts", 1, 1)
        assert before <= manifest.published_at <= datetime.now(UTC)
        assert manifest.published_at.utcoffset() == timedelta(0)
        assert {name: store.read("shirts", 1, name) for name in manifest.files} == FILES
        entry = manifest.files["model.keras"]
        assert entry.size_bytes == len(FILES["model.keras"])
        assert entry.sha256 == hashlib.sha256(FILES["model.keras"]).hexdigest()

    def test_files_are_added_from_disk_too(self, store: ModelStore, tmp_path: Path) -> None:
        data = bytes(range(256)) * 40_000  # 10 MB: large enough to be uploaded in parts where storage has parts
        source = tmp_path / "trained.bin"
        source.write_bytes(data)

        with store.draft("shirts") as draft:
            draft.add("model.keras", source)
            draft.add("empty.txt", b"")
            draft.commit(facts())

        assert store.read("shirts", 1, "model.keras") == data
        assert store.read("shirts", 1, "empty.txt") == b""

    def test_versions_are_numbered_from_one_and_models_are_listed_by_name(self, store: ModelStore) -> None:
        for model in ("shirts", "digits_2", "shirts"):
            publish(store, model)

        assert store.models() == ["digits_2", "shirts"]
        assert store.versions("shirts") == [1, 2]
        assert store.versions("digits_2") == [1]

    def test_a_draft_is_invisible_until_it_is_committed(self, store: ModelStore) -> None:
        with store.draft("shirts") as draft:
            draft.add("model.keras", b"weights")
            assert store.models() == []
            with pytest.raises(ModelNotFound):
                store.manifest("shirts", draft.number)
            draft.commit(facts())
            assert store.versions("shirts") == [draft.number]

    def test_an_exception_in_the_middle_leaves_nothing_behind(self, store: ModelStore, objects: Objects) -> None:
        with pytest.raises(ZeroDivisionError):
            fail_after_one_file(store)

        assert version_files(objects) == []
        assert store.models() == []

    def test_leaving_without_a_commit_leaves_nothing_behind(self, store: ModelStore, objects: Objects) -> None:
        with store.draft("shirts") as draft:
            draft.add("model.keras", b"weights")

        assert version_files(objects) == []

    def test_a_file_that_cannot_be_written_takes_the_others_with_it(self, objects: Objects) -> None:
        with pytest.raises(StoreUnavailable, match="No space left"):
            publish(ModelStore(RefusesFile(objects, "model.onnx")))

        assert version_files(objects) == []

    def test_a_file_that_would_leave_too_little_free_space_is_refused(self, objects: Objects) -> None:
        store = ModelStore(HasFreeBytes(objects, 1000), min_free_bytes=900)
        with pytest.raises(StoreFull):
            publish(store, files={"fits.bin": b"x" * 100, "too-large.bin": b"x" * 101})
        assert version_files(objects) == []

    def test_a_commit_whose_answer_is_lost_ends_without_a_version(self, store: ModelStore, objects: Objects) -> None:
        with pytest.raises(StoreUnavailable):
            publish(ModelStore(LosesTheAnswerToCommits(objects)))

        assert store.models() == []
        with pytest.raises(ModelNotFound):
            store.manifest("shirts", 1)
        assert publish(store).version == 2

    def test_a_cleanup_that_fails_does_not_hide_why_the_draft_was_left(
        self, store: ModelStore, objects: Objects, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            fail_after_one_file(ModelStore(RefusesDeletes(objects)))

        assert "stay until a sweep" in caplog.text
        assert store.sweep(older_than_s=0) == 1
        assert version_files(objects) == ["models/shirts/versions/1/manifest.json"]  # the mark that it was given up
        assert store.models() == []

    def test_a_draft_is_used_once(self, store: ModelStore) -> None:
        with store.draft("shirts") as draft:
            draft.add("model.keras", b"weights")
            with pytest.raises(DraftRefused, match=r"got 'model\.keras' again"):
                draft.add("model.keras", b"other")
            draft.commit(facts())
            with pytest.raises(DraftRefused):
                draft.commit(facts())
            with pytest.raises(DraftRefused):
                draft.add("model.onnx", b"graph")

        assert store.read("shirts", 1, "model.keras") == b"weights"

    def test_a_draft_that_was_left_cannot_go_on(self, store: ModelStore) -> None:
        with store.draft("shirts") as draft:
            draft.add("model.keras", b"weights")
        with pytest.raises(DraftRefused):
            draft.add("model.onnx", b"graph")
        with pytest.raises(DraftRefused):
            draft.commit(facts())

        assert store.models() == []

    def test_a_version_without_files_is_refused(self, store: ModelStore) -> None:
        with store.draft("shirts") as draft, pytest.raises(DraftRefused, match="at least one file"):
            draft.commit(facts())

        assert store.models() == []

    def test_the_manifest_cannot_be_added_as_a_file(self, store: ModelStore) -> None:
        with store.draft("shirts") as draft, pytest.raises(InvalidName, match=r"manifest\.json"):
            draft.add("manifest.json", b"{}")

    def test_publishers_at_once_get_a_number_each_and_every_version_is_whole(self, store: ModelStore) -> None:
        def publish_own(mark: int) -> int:
            return publish(store, files={"model.keras": b"%d" % mark * 2000, "mark.txt": b"%d" % mark}).version

        with ThreadPoolExecutor(8) as publishers:
            numbers = list(publishers.map(publish_own, range(24)))

        assert len(set(numbers)) == 24
        assert store.versions("shirts") == sorted(numbers)
        for mark, number in enumerate(numbers):
            assert store.read("shirts", number, "mark.txt") == b"%d" % mark
            assert store.read("shirts", number, "model.keras") == b"%d" % mark * 2000

    def test_a_sweep_removes_what_a_crashed_publisher_left(self, store: ModelStore, objects: Objects) -> None:
        publish(store)
        draft = crashed_draft(objects)
        assert store.sweep(older_than_s=3600) == 0
        assert store.sweep(older_than_s=0) == 1

        assert f"models/shirts/versions/{draft.number}/model.keras" not in version_files(objects)
        assert store.versions("shirts") == [1]
        assert store.read("shirts", 1, "model.keras") == FILES["model.keras"]
        with pytest.raises(VersionNotFound):
            store.manifest("shirts", draft.number)
        assert store.sweep(older_than_s=0) == 0
        assert publish(store).version == draft.number + 1

    def test_a_publisher_that_was_swept_cannot_commit(self, store: ModelStore, objects: Objects) -> None:
        draft = crashed_draft(objects)
        store.sweep(older_than_s=0)
        draft.add("model.onnx", b"graph")

        with pytest.raises(DraftRefused, match="sweep"):
            draft.commit(facts())
        draft.close()

        assert store.models() == []
        assert store.sweep(older_than_s=0) == 0

    def test_a_sweep_cut_short_is_finished_by_the_next(self, store: ModelStore, objects: Objects) -> None:
        crashed_draft(objects)
        with pytest.raises(StoreUnavailable):
            ModelStore(RefusesDeletes(objects)).sweep(older_than_s=0)

        assert store.models() == []
        assert store.sweep(older_than_s=0) == 1
