import fcntl
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import pytest

from worker.supervision.work_dirs import make_work_dir, sweep_work_dirs


@pytest.fixture(autouse=True)
def _temporary_files_go_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_only_directories_whose_owners_are_gone_are_swept(tmp_path: Path) -> None:
    abandoned, output = make_work_dir()
    (abandoned / "artifacts").mkdir()
    (abandoned / "artifacts" / "model.keras").write_bytes(b"half a model")
    output.close()  # what the kernel does when a process is killed
    in_use, held = make_work_dir()
    (tmp_path / "convserve-trainer-foreign").mkdir()

    assert sweep_work_dirs() == 1
    assert not abandoned.exists()
    assert in_use.exists()
    assert (tmp_path / "convserve-trainer-foreign").exists()
    held.close()


def test_a_lock_inherited_by_a_trainer_keeps_the_directory() -> None:
    directory, output = make_work_dir()
    copy = os.dup(output.fileno())
    output.close()
    assert sweep_work_dirs() == 0
    os.close(copy)
    assert sweep_work_dirs() == 1
    assert not directory.exists()


def test_a_directory_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    swept: list[int] = []

    def sweep_first(file: BinaryIO, operation: int) -> None:
        if operation == fcntl.LOCK_SH and not swept:
            swept.append(0)
            swept[0] = sweep_work_dirs()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    directory, output = make_work_dir()
    assert swept == [1]
    assert [*tmp_path.iterdir()] == [directory]
    output.close()
