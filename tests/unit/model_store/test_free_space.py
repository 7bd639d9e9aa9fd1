"""The floor of free space: what is added must leave it untouched."""

import shutil
from pathlib import Path

import pytest

from model_store.free_space import has_space_for, leaves_enough


@pytest.mark.parametrize(
    ("free_bytes", "size_bytes", "is_enough"),
    [(1000, 100, True), (1000, 101, False), (900, 0, True), (899, 0, False), (None, 10**15, True)],
)
def test_what_is_added_leaves_the_floor_free(free_bytes: int | None, size_bytes: int, is_enough: bool) -> None:
    assert leaves_enough(free_bytes, size_bytes, min_free_bytes=900) is is_enough


def test_a_directory_is_measured_on_its_own_file_system(tmp_path: Path) -> None:
    total_bytes = shutil.disk_usage(tmp_path).total
    assert has_space_for(tmp_path, 0, min_free_bytes=0)
    assert not has_space_for(tmp_path, total_bytes, min_free_bytes=1)
