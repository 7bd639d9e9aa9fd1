from pathlib import Path

import pytest

from worker.supervision.host_memory import TRAINER_SHARE, host_bytes, most_trainer_bytes

MIB = 2**20


def put(folder: Path, file: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text + "\n")


def bytes_with(tmp_path: Path, membership: str) -> int:
    put(tmp_path, "membership", membership)
    return host_bytes(tmp_path / "membership", tmp_path / "groups")


@pytest.fixture
def machine(tmp_path: Path) -> int:
    """Bytes of memory of this machine, in no group."""
    return host_bytes(tmp_path / "missing", tmp_path / "groups")


def test_without_a_limit_a_host_has_what_its_machine_has(tmp_path: Path, machine: int) -> None:
    put(tmp_path / "groups" / "app", "memory.max", "max")
    assert bytes_with(tmp_path, "0::/app") == machine > 64 * MIB


def test_the_tightest_limit_of_the_groups_around_a_process_counts(tmp_path: Path) -> None:
    put(tmp_path / "groups" / "outer", "memory.max", str(32 * MIB))
    put(tmp_path / "groups" / "outer" / "inner", "memory.max", str(48 * MIB))
    assert bytes_with(tmp_path, "0::/outer/inner") == 32 * MIB


def test_a_container_that_sees_the_path_of_its_host_finds_its_limit_at_the_root(tmp_path: Path) -> None:
    put(tmp_path / "groups", "memory.max", str(40 * MIB))
    assert bytes_with(tmp_path, "0::/system.slice/docker-12ab.scope") == 40 * MIB


def test_the_first_version_of_control_groups_counts_too(tmp_path: Path) -> None:
    put(tmp_path / "groups" / "memory" / "app", "memory.limit_in_bytes", str(24 * MIB))
    put(tmp_path / "groups" / "memory", "memory.limit_in_bytes", "9223372036854771712")
    assert bytes_with(tmp_path, "4:memory:/app\n3:cpu,cpuacct:/app\n0::/app") == 24 * MIB


def test_a_setting_decides_alone_and_else_a_trainer_gets_its_share(tmp_path: Path) -> None:
    assert most_trainer_bytes(5 * MIB) == 5 * MIB
    assert most_trainer_bytes(None) == int(TRAINER_SHARE * host_bytes())
