"""One instance per data directory."""

import os
from pathlib import Path

import pytest

from service.cli.errors import CommandFailed
from service.cli.stack.data_directory import LOCK_FILE, RUNTIME_PREFIX, DataDirectory


def test_the_directory_is_made_and_the_lock_names_its_holder(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "a" / "b") as data:
        assert data.path.is_dir()
        assert (data.path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_second_holder_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    with DataDirectory(tmp_path), pytest.raises(CommandFailed) as refusal, DataDirectory(tmp_path):
        pytest.fail("two holders")
    assert f"another convserve (process {os.getpid()}) is using the data directory {tmp_path}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_directory_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with DataDirectory(tmp_path):
            pass


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandFailed, match=r"cannot write to the data directory .*: Not a directory"):
        DataDirectory(tmp_path / "file" / "data").__enter__()


def test_what_a_killed_instance_left_behind_is_removed(tmp_path: Path) -> None:
    left = tmp_path / f"{RUNTIME_PREFIX}left"
    (left / "convserve-trainer-1").mkdir(parents=True)
    left.chmod(0o700)
    (tmp_path / LOCK_FILE).write_text(f"999999999\n{left}\n")
    with DataDirectory(tmp_path):
        assert not left.exists()


@pytest.mark.parametrize(("name", "mode"), [("precious", 0o700), (f"{RUNTIME_PREFIX}open", 0o755)])
def test_nothing_else_is_removed(name: str, mode: int, tmp_path: Path) -> None:
    other = tmp_path / name
    other.mkdir()
    (other / "thesis.txt").touch()
    other.chmod(mode)
    link = tmp_path / f"{RUNTIME_PREFIX}link"
    link.symlink_to(other)
    for left in (other, link):
        (tmp_path / LOCK_FILE).write_text(f"999999999\n{left}\n")
        with DataDirectory(tmp_path):
            assert (other / "thesis.txt").exists()
