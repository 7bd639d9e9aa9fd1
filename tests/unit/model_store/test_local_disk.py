"""What a directory can hold that a bucket cannot: links, pipes, odd names, permissions, a disk that fills up."""

import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_store import ArtifactCorrupt, ModelNotFound, ModelStore, StoreUnavailable, VersionNotFound
from model_store.drafts import Draft
from model_store.local_disk import LocalDisk
from tests.unit.model_store.published import FILES, facts, publish


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def disk(root: Path) -> LocalDisk:
    return LocalDisk(root)


@pytest.fixture
def store(disk: LocalDisk) -> ModelStore:
    return ModelStore(disk)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A whole, valid version that is no part of the store."""
    publish(ModelStore(LocalDisk(tmp_path / "elsewhere")))
    return tmp_path / "elsewhere" / "models" / "shirts"


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Lets no file grow beyond a size, as a disk that is almost full would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_version_is_plain_files_in_plain_directories(store: ModelStore, root: Path) -> None:
    publish(store)
    store.set_alias("shirts", "prod", 1)

    stored = files_below(root)
    assert [path.rpartition(".")[2] for path in stored[:3]] == ["v1", "a-prod", "changes/marker"]
    assert stored[3:] == [
        "models/shirts/aliases/prod/1.json",
        "models/shirts/numbers/1",
        "models/shirts/versions/1/history.json",
        "models/shirts/versions/1/manifest.json",
        "models/shirts/versions/1/model.keras",
        "models/shirts/versions/1/model.onnx",
    ]
    assert (root / "models/shirts/versions/1/model.keras").read_bytes() == FILES["model.keras"]


def test_modes_are_the_umasks(root: Path) -> None:
    before = os.umask(0o027)
    try:
        publish(ModelStore(LocalDisk(root)))
    finally:
        os.umask(before)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()}
    assert modes == {0o640}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")] if path.is_dir()} == {0o750}


def test_a_version_directory_that_is_a_link_is_not_served(store: ModelStore, root: Path, outside: Path) -> None:
    publish(store)
    (root / "models/shirts/versions/2").symlink_to(outside / "versions" / "1")

    assert store.versions("shirts") == [1]
    with pytest.raises(VersionNotFound):
        store.manifest("shirts", 2)
    with pytest.raises(VersionNotFound):
        store.read("shirts", 2, "model.keras")
    with pytest.raises(VersionNotFound):
        store.delete_version("shirts", 2)


def test_a_model_directory_that_is_a_link_is_not_served(store: ModelStore, root: Path, outside: Path) -> None:
    publish(store, "coats")
    (root / "models/shirts").symlink_to(outside)
    before = files_below(outside)

    assert store.models() == ["coats"]
    with pytest.raises(ModelNotFound):
        store.manifest("shirts", 1)
    with pytest.raises(StoreUnavailable, match="symbolic link"):
        publish(store)
    assert store.sweep(older_than_s=0) == 0
    assert files_below(outside) == before


def test_a_file_that_is_a_link_is_not_served(store: ModelStore, root: Path) -> None:
    publish(store)
    target = root / "models/shirts/versions/1/model.keras"
    target.rename(root.parent / "moved")
    target.symlink_to(root.parent / "moved")

    with pytest.raises(ArtifactCorrupt):
        store.read("shirts", 1, "model.keras")
    with pytest.raises(ArtifactCorrupt):
        store.stream("shirts", 1, "model.keras")
    store.delete_version("shirts", 1)
    assert (root.parent / "moved").read_bytes() == FILES["model.keras"]


def test_links_that_lead_round_in_circles_or_nowhere_are_ignored(store: ModelStore, root: Path) -> None:
    publish(store)
    (root / "models/shirts/versions/2").symlink_to(root / "models")
    (root / "models/shirts/versions/8").symlink_to("8")
    (root / "models/shirts/versions/9").symlink_to("nowhere")
    (root / "models/shirts/numbers/2").symlink_to("nowhere")

    assert store.versions("shirts") == [1]
    assert publish(store).version == 3


def test_a_pipe_or_a_directory_in_the_place_of_a_file_does_not_stop_a_reader(store: ModelStore, root: Path) -> None:
    publish(store)
    version = root / "models/shirts/versions/1"
    for file, make in (("model.keras", os.mkfifo), ("model.onnx", os.mkdir)):
        (version / file).unlink()
        make(version / file)
        with pytest.raises(ArtifactCorrupt, match="missing"):
            store.read("shirts", 1, file)
    (root / "models/shirts/versions/2").write_text("a file where a version would be")

    assert store.versions("shirts") == [1]
    with pytest.raises(VersionNotFound):
        store.manifest("shirts", 2)


def test_names_that_are_not_text_are_ignored(store: ModelStore, root: Path) -> None:
    publish(store)
    models = os.fsencode(root) + b"/models"
    os.mkdir(models + b"/\xff\xfe")  # noqa: PTH102 - a Path cannot hold these bytes
    with open(models + b"/shirts/versions/1/\xff", "wb"):  # noqa: PTH123
        pass

    assert store.models() == ["shirts"]
    assert store.versions("shirts") == [1]
    assert store.delete_version("shirts", 1) > 0


def test_thousands_of_empty_directories_are_no_versions(store: ModelStore, root: Path) -> None:
    publish(store)
    for number in range(2, 3000):
        (root / f"models/shirts/versions/{number}").mkdir()

    assert store.versions("shirts") == [1]
    with pytest.raises(VersionNotFound):
        store.manifest("shirts", 2)


def test_a_file_that_does_not_fit_leaves_nothing_and_the_next_one_works(store: ModelStore, root: Path) -> None:
    publish(store)
    before = files_below(root)

    with largest_file(100_000), pytest.raises(StoreUnavailable, match="too large") as caught:
        publish(store, files={"model.onnx": b"graph", "model.keras": bytes(200_000)})

    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EFBIG
    assert set(files_below(root)) - set(before) == {"models/shirts/numbers/2"}
    assert publish(store).version == 3


def test_what_a_killed_writer_staged_is_swept(store: ModelStore, root: Path) -> None:
    publish(store)
    (root / "staging" / "0123abcd").write_bytes(b"half a file")

    assert store.sweep(older_than_s=3600) == 0
    assert store.sweep(older_than_s=0) == 1
    assert not any((root / "staging").iterdir())
    assert store.read("shirts", 1, "model.keras") == FILES["model.keras"]


def test_an_old_draft_is_swept_and_a_young_one_is_not(store: ModelStore, disk: LocalDisk, root: Path) -> None:
    drafts = [Draft(disk, "shirts", number) for number in (1, 2)]
    for draft in drafts:
        disk.create(f"models/shirts/numbers/{draft.number}", b"taken")
        draft.add("model.keras", b"weights")
    an_hour_ago = (root / "models/shirts/versions/1/model.keras").stat().st_mtime - 3600
    os.utime(root / "models/shirts/versions/1/model.keras", (an_hour_ago, an_hour_ago))

    assert store.sweep(older_than_s=1800) == 1

    drafts[1].commit(facts())
    assert store.versions("shirts") == [2]


def test_deleting_a_version_removes_its_directory(store: ModelStore, root: Path) -> None:
    publish(store)
    store.delete_version("shirts", 1)

    assert not any((root / "models/shirts/versions").iterdir())


def test_a_store_whose_directory_is_gone_says_so_instead_of_looking_empty(store: ModelStore, root: Path) -> None:
    publish(store)
    root.rename(root.parent / "moved")

    for call in (store.models, store.check, lambda: publish(store)):
        with pytest.raises(StoreUnavailable, match="No such file"):
            call()


def test_a_store_that_cannot_be_written_fails_its_check(store: ModelStore, root: Path) -> None:
    (root / "staging").write_text("a file where a directory is needed")

    with pytest.raises(StoreUnavailable, match="File exists"):
        store.check()
