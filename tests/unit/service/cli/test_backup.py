"""Backups of a store alone: what comes back is what was there, and nothing damaged, cut off or foreign is written."""

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from model_store import ModelStore, StoreError, open_store
from model_store.local_disk import LocalDisk
from model_store.objects import OpenedObject
from model_store.opening import open_objects
from model_store.whole import RESTORING, WholeStore
from service.cli.backup import servers
from service.cli.backup.copying import StoreCopy, copy_all
from service.cli.backup.layout import HEADER, INDEX, STORE
from service.cli.backup.making import run_backup
from service.cli.backup.reading import verify
from service.cli.backup.restoring import run_restore
from service.cli.backup.writing import ArchiveWriter
from service.cli.checkup.files import check_store
from service.cli.errors import CommandFailed
from service.keys.callers import KeyScope
from service.keys.issuing import issue
from service.settings import ApiSettings
from tests.unit.model_store.published import publish
from worker.settings import SharedSettings

Objects = dict[str, bytes]


def settings(data_dir: Path, **changes: object) -> SharedSettings:
    return SharedSettings.model_validate({"data_dir": data_dir, "min_free_bytes": 0} | changes)


def objects_in(data_dir: Path) -> Objects:
    objects = LocalDisk(data_dir / "store")
    return {stored.path: objects.read(stored.path) for stored in objects.list("")}


def kept(objects: Objects) -> Objects:
    """Without what a backup leaves out: the probe, and notes for running processes."""
    assert "probe.json" in objects
    return {path: data for path, data in objects.items() if path != "probe.json" and not path.startswith("changes/")}


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = open_store(str(tmp_path / "data" / "store"))
    publish(store)
    publish(store, files={"model.onnx": bytes(9 * 2**20), "model.keras": b""})
    store.set_alias("shirts", "champion", 1)
    issue(store.keys, "me", KeyScope.ADMIN, expires=None, created_by="local")
    store.job_segments.write("1-2-a", b"jobs")
    store.check()
    project = tmp_path / "data" / "label-studio" / "7"
    project.mkdir(parents=True)
    (project / "project.json").write_text("{}")
    return store


@pytest.fixture
def archive(store: ModelStore, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar.gz"
    run_backup(settings(tmp_path / "data"), str(path), with_jobs=True, may_replace=False)
    return path


def restored(archive: Path, data_dir: Path, **options: bool) -> Path:
    run_restore(settings(data_dir), archive, **({"with_jobs": True, "may_replace": False} | options))
    return data_dir


def test_what_is_restored_is_what_was_backed_up(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = restored(archive, tmp_path / "new")
    before = kept(objects_in(tmp_path / "data"))
    assert objects_in(new) == before
    assert (new / "label-studio" / "7" / "project.json").read_text() == "{}"
    assert open_store(str(new / "store")).aliases("shirts") == {"champion": 1}
    assert "2 versions, 0 datasets, 1 keys" in capsys.readouterr().err


def test_a_backup_in_a_pipe_is_the_same(
    store: ModelStore, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run_backup(settings(tmp_path / "data"), "-", with_jobs=True, may_replace=False)
    path = tmp_path / "piped.tar"
    path.write_bytes(capfdbinary.readouterr().out)
    assert objects_in(restored(path, tmp_path / "new")).keys() == kept(objects_in(tmp_path / "data")).keys()


def cut(data: bytes) -> bytes:
    return data[: len(data) * 3 // 4]


def with_another_byte(data: bytes) -> bytes:
    at = data.index(b"graphgraph")
    return data[:at] + b"G" + data[at + 1 :]


def with_a_foreign_path(data: bytes) -> bytes:
    return data.replace(b'"store/models/shirts/numbers/1"', b'"store/../../../aaaaaaaaaaaaaa"')


def of_a_newer_version(data: bytes) -> bytes:
    return data.replace(b'"format":1,"made_by":"0.1.0"', b'"format":2,"made_by":"0.9.9"')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "cut off"),
        (lambda data: data[:5000], "cut off"),
        (with_another_byte, "model.onnx is not what was written"),
        (with_a_foreign_path, "its index is not what was written"),
        (of_a_newer_version, "made by convserve 0.9.9"),
        (lambda _: b"no archive", "no tar archive"),
        (lambda _: b"", "no tar archive"),
    ],
)
def test_nothing_is_written_of_a_damaged_backup(
    damage: Callable[[bytes], bytes], said: str, archive: Path, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.tar"
    path.write_bytes(damage(gzip.decompress(archive.read_bytes())))
    with pytest.raises(CommandFailed, match=said):
        restored(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_index_that_leads_out_of_the_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hostile.tar"
    with path.open("wb") as file:
        writer = ArchiveWriter(file)
        writer.add(STORE + "../../outside", b"x")
        writer.end(None)
    with pytest.raises(CommandFailed, match="does not parse"):
        restored(path, tmp_path / "new")


def test_a_file_is_begun_under_another_name_and_never_overwritten_unasked(
    archive: Path, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, before = settings(tmp_path / "data"), archive.read_bytes()
    with pytest.raises(CommandFailed, match="is there already"):
        run_backup(place, str(archive), with_jobs=True, may_replace=False)
    monkeypatch.setattr(ArchiveWriter, "end", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_backup(place, str(archive), with_jobs=True, may_replace=True)
    assert archive.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [archive.name]


def test_space_is_looked_at_before(archive: Path, tmp_path: Path) -> None:
    full = settings(tmp_path / "data", min_free_bytes=2**62)
    with pytest.raises(CommandFailed, match="too little free space"):
        run_backup(full, str(tmp_path / "other.tar"), with_jobs=True, may_replace=False)
    with pytest.raises(CommandFailed, match="too little free space"):
        run_restore(settings(tmp_path / "new", min_free_bytes=2**62), archive, with_jobs=True, may_replace=False)
    assert objects_in(tmp_path / "new") == {}


def test_only_an_empty_place_is_written_to_unless_told(archive: Path, tmp_path: Path) -> None:
    new = restored(archive, tmp_path / "new")
    publish(open_store(str(new / "store")), "hats")
    with pytest.raises(CommandFailed, match="not empty"):
        restored(archive, new)
    restored(archive, new, may_replace=True)
    assert open_store(str(new / "store")).models() == ["shirts"]


def test_a_restore_that_was_interrupted_is_not_taken_for_a_whole_one(archive: Path, tmp_path: Path) -> None:
    store = WholeStore(open_objects(str(tmp_path / "new" / "store")))
    store.begin_restore()
    with pytest.raises(CommandFailed, match="did not end"):
        restored(archive, tmp_path / "new")
    (unfinished, *_) = check_store(ApiSettings(data_dir=tmp_path / "new", min_free_bytes=0))
    assert (unfinished.level, "--replace" in (unfinished.fix or "")) == ("error", True)
    restored(archive, tmp_path / "new", may_replace=True)
    assert not store.is_incomplete()
    assert RESTORING not in objects_in(tmp_path / "new")


class BusyDisk(LocalDisk):
    """A store whose clients do something the first time when an object is opened."""

    def __init__(self, directory: Path, meanwhile: Callable[[], object]) -> None:
        super().__init__(directory)
        self._meanwhile = [meanwhile]

    def open(self, path: str) -> OpenedObject:
        opened = super().open(path)
        if self._meanwhile:
            self._meanwhile.pop()()
        return opened


def test_what_changes_while_it_is_copied_is_copied_as_it_is_in_the_end(store: ModelStore, tmp_path: Path) -> None:
    directory = tmp_path / "data" / "store"

    def meanwhile() -> None:
        store.delete_version("shirts", 2)
        store.job_segments.write("1-2-a", b"other jobs")
        publish(store, "hats")
        store.set_alias("hats", "champion", 1)

    path = tmp_path / "busy.tar"
    with path.open("wb") as file:
        writer = ArchiveWriter(file)
        copy = StoreCopy(WholeStore(BusyDisk(directory, meanwhile)), STORE, writer)
        assert copy_all([copy], lambda: None) is None
        writer.end(None)
    restored(path, tmp_path / "new")
    before = kept(objects_in(tmp_path / "data"))
    assert objects_in(tmp_path / "new") == before


def test_members_come_in_an_order_in_which_no_version_lacks_files(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert (names[0], names[-1]) == (HEADER, INDEX)
    manifest = names.index("store/models/shirts/versions/1/manifest.json")
    assert all(
        names.index(f"store/models/shirts/versions/1/{file}") < manifest for file in ("model.keras", "model.onnx")
    )
    assert names.index("store/models/shirts/aliases/champion/1.json") > manifest


def test_a_store_that_is_not_there_is_no_empty_backup(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="there is no store"):
        run_backup(settings(tmp_path / "none"), str(tmp_path / "b.tar"), with_jobs=True, may_replace=False)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_server_with_jobs_is_an_error_and_can_be_left_out(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "ANSWER_LIMIT_S", -1.0)
    place = settings(tmp_path / "data", redis_url=f"unix://{tmp_path}/none.sock")
    target = tmp_path / "b.tar"
    with pytest.raises(CommandFailed, match="did not answer"):
        run_backup(place, str(target), with_jobs=True, may_replace=False)
    assert not target.exists()
    run_backup(place, str(target), with_jobs=False, may_replace=False)
    assert verify(target).jobs_at is None


def test_errors_of_the_store_are_one_line(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("it burns")

    monkeypatch.setattr(LocalDisk, "open", broken)
    with pytest.raises(CommandFailed, match="it burns"):
        run_backup(settings(tmp_path / "data"), str(tmp_path / "b.tar"), with_jobs=True, may_replace=False)
