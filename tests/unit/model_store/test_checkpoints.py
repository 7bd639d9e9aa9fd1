"""Checkpoints: complete or absent; the newest undamaged one is used; two are kept."""

from pathlib import Path

import pytest

from model_store import InvalidName, ModelStore, Position, StoreFull, StoreUnavailable
from model_store.objects import Objects
from tests.unit.model_store.faulty_objects import HasFreeBytes, RefusesFile

JOB = "k3v9x2m7qd"


def _files(tmp_path: Path, content: bytes) -> dict[str, Path]:
    (tmp_path / "state.npz").write_bytes(content)
    (tmp_path / "training.json").write_bytes(b"{}")
    return {name: tmp_path / name for name in ("state.npz", "training.json")}


def test_without_checkpoints_there_is_none(store: ModelStore) -> None:
    assert store.checkpoints.newest(JOB) is None


def test_the_newest_comes_back_and_two_are_kept(store: ModelStore, objects: Objects, tmp_path: Path) -> None:
    for epoch in (1, 2, 9, 10):
        store.checkpoints.save(JOB, Position(epoch, 0, 7), _files(tmp_path, b"epoch %d" % epoch))
    assert store.checkpoints.newest(JOB) == (
        Position(10, 0, 7),
        {"state.npz": b"epoch 10", "training.json": b"{}"},
    )
    kept = {stored.path.split("/")[2] for stored in objects.list("checkpoints/")}
    assert kept == {"9-0-7", "10-0-7"}


def test_the_middle_of_an_epoch_comes_after_its_beginning(store: ModelStore, tmp_path: Path) -> None:
    store.checkpoints.save(JOB, Position(3, 0, 1), _files(tmp_path, b"whole"))
    store.checkpoints.save(JOB, Position(3, 41, 1), _files(tmp_path, b"stopped"))
    newest = store.checkpoints.newest(JOB)
    assert newest is not None
    assert newest[0] == Position(3, 41, 1)


@pytest.mark.parametrize("damage", ["flipped", "missing", "no manifest", "junk manifest"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    store: ModelStore, objects: Objects, tmp_path: Path, damage: str
) -> None:
    store.checkpoints.save(JOB, Position(1, 0, 1), _files(tmp_path, b"sound"))
    store.checkpoints.save(JOB, Position(2, 0, 1), _files(tmp_path, b"newer"))
    newest = f"checkpoints/{JOB}/2-0-1"
    match damage:
        case "flipped":
            objects.put(f"{newest}/state.npz", b"newes")
        case "missing":
            objects.delete([f"{newest}/state.npz"])
        case "no manifest":
            objects.delete([f"{newest}/manifest.json"])
        case _:
            objects.put(f"{newest}/manifest.json", b"\x00")
    found = store.checkpoints.newest(JOB)
    assert found is not None
    assert found[1]["state.npz"] == b"sound"


def test_names_that_are_no_positions_are_ignored(store: ModelStore, objects: Objects, tmp_path: Path) -> None:
    store.checkpoints.save(JOB, Position(1, 0, 1), _files(tmp_path, b"sound"))
    for junk in ("9", "9-9", "a-b-c", "9-9-9-9", "٣-0-1"):
        objects.put(f"checkpoints/{JOB}/{junk}/manifest.json", b"{}")
    found = store.checkpoints.newest(JOB)
    assert found is not None
    assert found[0] == Position(1, 0, 1)


def test_deleting_takes_one_jobs_checkpoints_and_no_others(store: ModelStore, tmp_path: Path) -> None:
    for job in (JOB, "other"):
        store.checkpoints.save(job, Position(1, 0, 1), _files(tmp_path, b"x"))
    store.checkpoints.delete(JOB)
    assert store.checkpoints.newest(JOB) is None
    assert store.checkpoints.newest("other") is not None


def test_idle_jobs_are_those_that_wrote_nothing_lately(store: ModelStore, tmp_path: Path) -> None:
    store.checkpoints.save(JOB, Position(1, 0, 1), _files(tmp_path, b"x"))
    assert store.checkpoints.idle_jobs(older_than_s=3600) == []
    a_moment_from_now = -1.0
    assert store.checkpoints.idle_jobs(older_than_s=a_moment_from_now) == [JOB]


@pytest.mark.parametrize("job", ["../x", "", "A", "a/b"])
def test_a_job_id_never_becomes_a_path_elsewhere(store: ModelStore, job: str) -> None:
    with pytest.raises(InvalidName):
        store.checkpoints.newest(job)


@pytest.mark.parametrize("file", ["training.json", "manifest.json"])
def test_a_storage_that_refuses_leaves_the_older_checkpoint(objects: Objects, tmp_path: Path, file: str) -> None:
    ModelStore(objects).checkpoints.save(JOB, Position(1, 0, 1), _files(tmp_path, b"sound"))
    with pytest.raises(StoreUnavailable):
        ModelStore(RefusesFile(objects, file)).checkpoints.save(JOB, Position(2, 0, 1), _files(tmp_path, b"newer"))
    found = ModelStore(objects).checkpoints.newest(JOB)
    assert found is not None
    assert found[0] == Position(1, 0, 1)
    assert not objects.list(f"checkpoints/{JOB}/2-0-1/")


def test_a_checkpoint_leaves_enough_free_space(objects: Objects, tmp_path: Path) -> None:
    store = ModelStore(HasFreeBytes(objects, 1000), min_free_bytes=900)
    store.checkpoints.save(JOB, Position(1, 0, 1), _files(tmp_path, b"x" * 98))
    with pytest.raises(StoreFull):
        store.checkpoints.save(JOB, Position(2, 0, 1), _files(tmp_path, b"x" * 99))
