"""The catalog's reader: how little it asks of the store, and what it notices all the same."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model_store import ModelStore, StoreUnavailable
from model_store import changes as changes_module
from model_store import survey as survey_module
from model_store.bucket import Bucket
from model_store.changes import LOG, Changes
from model_store.local_disk import LocalDisk
from model_store.objects import Objects, StoredObject
from service.models import reader as reader_module
from service.models.allowance import Allowance
from service.models.reader import OLD_ENTRIES_KEPT, StoreReader
from tests.unit.model_store.faulty_objects import ForwardingObjects
from tests.unit.service.tiny_networks import publish


class CountedObjects(ForwardingObjects):
    """Counts operations, as a storage service charges for them."""

    def __init__(self, objects: Objects, *, is_remote: bool = True) -> None:
        super().__init__(objects)
        self.counts: Counter[str] = Counter()
        self._is_remote = is_remote

    @property
    def is_remote(self) -> bool:
        return self._is_remote

    def read(self, path: str) -> bytes:
        self.counts["read"] += 1
        return super().read(path)

    def list(self, prefix: str, limit: int | None = None) -> list[StoredObject]:
        self.counts["list"] += 1
        return super().list(prefix, limit)

    def names(self, prefix: str) -> Sequence[str]:
        self.counts["names"] += 1
        return super().names(prefix)

    def tag(self, path: str, known: str | None = None) -> str:
        self.counts["tag"] += 1
        return super().tag(path, known)


class Clock:
    def __init__(self) -> None:
        self.now = 10_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "local disk"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> CountedObjects:
    return CountedObjects(Bucket.in_memory() if request.param == "memory" else LocalDisk(tmp_path / "store"))


@pytest.fixture
def store(objects: CountedObjects) -> ModelStore:
    return ModelStore(objects)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(store: ModelStore, clock: Clock) -> StoreReader:
    publish(store, "alpha")
    return StoreReader(store, clock)


def seen(reader: StoreReader) -> dict[str, list[int]]:
    return {name: list(entry.versions) for name, entry in reader.read(thoroughly=False).items()}


def without_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the store change as an earlier version of the program changes it."""
    monkeypatch.setattr(Changes, "note", lambda *_, **__: None)


def test_while_nothing_changes_a_look_is_one_request_and_the_same_answer(
    reader: StoreReader, objects: CountedObjects
) -> None:
    before = reader.read(thoroughly=False)
    objects.counts.clear()
    assert all(reader.read(thoroughly=False) is before for _ in range(20))
    assert objects.counts == {"tag": 20}


def test_a_new_version_costs_its_manifest_and_the_log(
    reader: StoreReader, store: ModelStore, objects: CountedObjects
) -> None:
    publish(store, "beta")
    before = reader.read(thoroughly=False)
    publish(store, "alpha")
    objects.counts.clear()
    after = reader.read(thoroughly=False)
    assert list(after["alpha"].versions) == [1, 2]
    assert after["beta"] is before["beta"]
    assert objects.counts == {"tag": 1, "list": 1, "read": 1}


def test_aliases_and_deletions_are_noticed_at_the_next_look(reader: StoreReader, store: ModelStore) -> None:
    publish(store, "alpha")
    seen(reader)
    store.set_alias("alpha", "prod", 1)
    assert reader.read(thoroughly=False)["alpha"].aliases == {"prod": 1}
    store.set_alias("alpha", "prod", 2)
    assert reader.read(thoroughly=False)["alpha"].aliases == {"prod": 2}
    store.delete_alias("alpha", "prod")
    store.delete_version("alpha", 2)
    assert reader.read(thoroughly=False)["alpha"].aliases == {}
    assert seen(reader) == {"alpha": [1]}
    publish(store, "alpha")
    store.delete_model("alpha")
    assert seen(reader) == {}


def test_a_change_that_nobody_noted_is_noticed_within_half_a_minute(
    reader: StoreReader, store: ModelStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(reader)
    without_notes(monkeypatch)
    publish(store, "alpha")
    store.set_alias("alpha", "prod", 1)
    clock.now += 28.0
    assert seen(reader) == {"alpha": [1, 2]}
    assert reader.read(thoroughly=False)["alpha"].aliases == {"prod": 1}
    store.delete_version("alpha", 2)
    clock.now += 28.0
    assert seen(reader) == {"alpha": [1]}


def test_in_a_small_store_a_request_for_a_version_finds_it_at_once_although_nobody_noted_it(
    reader: StoreReader, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "CHEAP_S", math.inf)  # a survey takes longer on a busy machine
    seen(reader)
    without_notes(monkeypatch)
    publish(store, "beta")
    assert set(reader.read(thoroughly=True)) == {"alpha", "beta"}


@pytest.mark.parametrize("is_remote", [True, False])
def test_a_store_with_many_files_is_surveyed_by_its_directories(
    store: ModelStore, objects: CountedObjects, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, is_remote: bool
) -> None:
    monkeypatch.setattr(survey_module, "PAGE", 4)
    monkeypatch.setattr(survey_module, "FILES_LISTED", 10)
    objects._is_remote = is_remote
    for _ in range(6):
        publish(store, "alpha")
    with store.draft("alpha") as draft:
        draft.add("model.onnx", b"not yet")
        reader = StoreReader(store, clock)
        assert seen(reader) == {"alpha": [1, 2, 3, 4, 5, 6]}
        without_notes(monkeypatch)
        publish(store, "alpha")
        store.set_alias("alpha", "prod", 2)
        store.delete_version("alpha", 3)
        clock.now += 60.0
        assert seen(reader) == {"alpha": [1, 2, 4, 5, 6, 8]}
        assert reader.read(thoroughly=False)["alpha"].aliases == {"prod": 2}


def test_a_survey_of_a_storage_service_waits_a_second_for_each_of_its_requests(
    store: ModelStore, objects: CountedObjects, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "PAGE", 1)
    for _ in range(3):
        publish(store, "alpha")
    reader = StoreReader(store, clock)
    seen(reader)
    objects.counts.clear()
    for _ in range(60):
        clock.now += 1.0
        seen(reader)
    assert objects.counts["names"] + objects.counts["list"] <= 60
    assert objects.counts["tag"] == 60


@pytest.fixture
def big(
    store: ModelStore, objects: CountedObjects, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> tuple[StoreReader, CountedObjects]:
    """A reader of twenty models, which are too many to be looked at in one go."""
    monkeypatch.setattr(reader_module, "REQUESTS_OF_A_SURVEY", 3)
    monkeypatch.setattr(survey_module, "PAGE", 21)
    for number in range(20):
        publish(store, f"model-{number:02}")
    reader = StoreReader(store, clock)
    seen(reader)
    without_notes(monkeypatch)
    objects.counts.clear()
    return reader, objects


def surveyed(objects: CountedObjects) -> int:
    return objects.counts["names"] + objects.counts["list"] + objects.counts["read"]


def test_the_looks_at_a_big_store_are_spread_evenly(
    big: tuple[StoreReader, CountedObjects], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, objects = big
    before, at_once = reader.read(thoroughly=False), []
    objects.counts.clear()
    for _ in range(250):
        clock.now += 1.2
        so_far = surveyed(objects)
        assert reader.read(thoroughly=False) is before
        at_once.append(surveyed(objects) - so_far)
    assert max(at_once) <= 4
    assert all(sum(at_once[start : start + 50]) <= 66 for start in range(200))
    assert sum(at_once) > 250
    assert objects.counts["tag"] == 250
    assert 0 < objects.counts["read"] <= 0.2 * sum(at_once), "of versions that might have been published"


def test_changes_of_a_big_store_that_nobody_noted_are_found_within_a_round_and_new_models_sooner(
    big: tuple[StoreReader, CountedObjects], store: ModelStore, clock: Clock
) -> None:
    reader, _ = big

    publish(store, "model-99")
    assert seconds_until(reader, clock, "model-99", [1]) < 30
    publish(store, "model-07")
    store.set_alias("model-07", "prod", 1)
    assert seconds_until(reader, clock, "model-07", [1, 2]) < 60
    assert reader.read(thoroughly=False)["model-07"].aliases == {"prod": 1}
    store.delete_version("model-07", 2)
    assert seconds_until(reader, clock, "model-07", [1]) < 60
    store.delete_alias("model-07", "prod")
    store.delete_model("model-07")
    assert seconds_until(reader, clock, "model-07", []) < 60


def seconds_until(reader: StoreReader, clock: Clock, model: str, versions: list[int]) -> float:
    """For how long a reader that is asked all the time does not see that a model has these versions."""
    began = clock.now
    while seen(reader).get(model, []) != versions:
        clock.now += 1.2
        assert clock.now - began < 400
    return clock.now - began


def test_new_versions_of_the_models_published_last_are_found_within_half_a_minute_however_long_a_round_takes(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ModelStore(CountedObjects(Bucket.in_memory()))
    monkeypatch.setattr(reader_module, "REQUESTS_OF_A_SURVEY", 3)
    monkeypatch.setattr(survey_module, "PAGE", 60)
    monkeypatch.setattr(survey_module, "FILES_OF_A_VERSION", 100)
    for number in (*range(60), *range(20, 28)):
        publish(store, f"model-{number:02}")
    reader = StoreReader(store, clock)
    seen(reader)
    without_notes(monkeypatch)
    for number in range(20, 28):
        publish(store, f"model-{number}")
        assert seconds_until(reader, clock, f"model-{number}", [1, 2, 3]) < 30


def test_what_one_process_finds_it_notes_for_the_others(
    big: tuple[StoreReader, CountedObjects], store: ModelStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = big
    other = StoreReader(store, clock)
    seen(other)
    publish(store, "model-07")
    store.set_alias("model-11", "prod", 1)
    store.delete_version("model-12", 1)
    for _ in range(12):
        publish(store, "model-13")
    monkeypatch.undo()
    monkeypatch.setattr(reader_module, "REQUESTS_OF_A_SURVEY", 3)
    for _ in range(100):
        clock.now += 1.2
        seen(reader)
    found = other.read(thoroughly=False)  # looks at two models itself
    assert list(found["model-07"].versions) == [1, 2]
    assert found["model-11"].aliases == {"prod": 1}
    assert "model-12" not in found
    assert len(found["model-13"].versions) == 13


@pytest.mark.parametrize(("n_versions", "requests"), [(1, 1), (2, 2)])
def test_a_model_whose_objects_fit_into_one_answer_takes_one_request(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, *, n_versions: int, requests: int
) -> None:
    monkeypatch.setattr(survey_module, "PAGE", 21)
    for _ in range(n_versions):
        publish(store, "alpha")
    store.set_alias("alpha", "prod", 1)
    look, needed = store.contents.look_at_model("alpha", n_versions)
    assert (look.versions, look.aliases, needed) == (set(range(1, n_versions + 1)), {"prod": 1}, requests)


def test_a_look_at_a_big_store_that_fails_is_repeated(
    big: tuple[StoreReader, CountedObjects], store: ModelStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, objects = big
    publish(store, "model-00")
    with monkeypatch.context() as broken:
        broken.setattr(type(objects), "read", lambda *_: (_ for _ in ()).throw(StoreUnavailable("s3://x", "no answer")))
        with pytest.raises(StoreUnavailable):
            seconds_until(reader, clock, "model-00", [1, 2])
    assert seen(reader)["model-00"] == [1, 2]


def test_the_log_is_cleared_of_old_entries(
    reader: StoreReader, store: ModelStore, objects: CountedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(reader)
    old = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y%m%dT%H%M%S%f")
    for number in range(OLD_ENTRIES_KEPT):
        objects.put(f"{LOG}{old}.{number}.alpha.v1", b"")
    publish(store, "alpha")
    assert seen(reader) == {"alpha": [1, 2]}
    left = objects.list(LOG)
    assert len(left) == 2
    assert changes_module.LOG_KEPT_S == 3600


def test_entries_that_are_not_ours_are_ignored(reader: StoreReader, store: ModelStore, objects: CountedObjects) -> None:
    for name in ("README", "a.b.c", "a.b.Alpha.v1", "a.b.alpha.v0", "a.b.alpha.a-", "a.b.alpha.v2.x"):
        objects.put(LOG + name, b"")
    publish(store, "alpha")
    assert seen(reader) == {"alpha": [1, 2]}


class LosesNotes(ForwardingObjects):
    """Keeps versions, but breaks down before they are noted."""

    def put(self, path: str, data: bytes | Path) -> None:
        if path.startswith("changes/"):
            raise RuntimeError(path)
        super().put(path, data)


def test_a_version_whose_publisher_dies_before_it_notes_it_is_noticed_later(
    reader: StoreReader, objects: CountedObjects, clock: Clock
) -> None:
    seen(reader)
    with pytest.raises(RuntimeError, match="changes/log"):
        publish(ModelStore(LosesNotes(objects)), "alpha")
    clock.now += 28.0
    assert seen(reader) == {"alpha": [1, 2]}


def test_an_allowance_lets_a_few_through_and_then_keeps_its_pace() -> None:
    allowance = Allowance(3, 2.0)
    assert [allowance.wait_s(100.0) for _ in range(5)] == [0.0, 0.0, 0.0, 2.0, 4.0]
    assert allowance.wait_s(130.0) == 0.0
    assert [Allowance(1, 0.0).wait_s(5.0) for _ in range(3)] == [0.0, 0.0, 0.0]
