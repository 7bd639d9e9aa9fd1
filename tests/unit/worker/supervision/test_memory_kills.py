from pathlib import Path

from worker.supervision.memory_kills import memory_kills


def test_kills_are_read_from_the_kernels_counters(tmp_path: Path) -> None:
    counters = tmp_path / "vmstat"
    counters.write_text("nr_free_pages 12\noom_kill_extra 9\noom_kill 3\nswap_ra 0\n")
    assert memory_kills(counters) == 3


def test_a_system_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    assert memory_kills(tmp_path / "missing") is None
    (tmp_path / "old").write_text("nr_free_pages 12\n")
    assert memory_kills(tmp_path / "old") is None
