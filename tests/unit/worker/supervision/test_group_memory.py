import os
from pathlib import Path

from worker.supervision.group_memory import MEMBERS_KNOWN_S, GroupMemory

LEADER, CHILD, STRANGER = 100, 101, 102


class Processes:
    """A proc file system, and seconds that pass when they are told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0

    def add(self, process: int, group: int, anonymous_kb: int, swapped_kb: int = 0) -> None:
        folder = self.folder / str(process)
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{process} (odd) name) S 1 {group} {group} 0 -1")
        (folder / "status").write_text(
            f"Name:\tpython\nVmRSS:\t999999 kB\nRssAnon:\t{anonymous_kb} kB\nRssFile:\t5000 kB\n"
            f"RssShmem:\t8 kB\nVmSwap:\t{swapped_kb} kB\n"
        )

    def memory(self) -> GroupMemory:
        return GroupMemory(LEADER, lambda: self.now, self.folder)


def test_what_a_trainer_holds_counts_swapped_out_or_not_and_files_do_not(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(LEADER, LEADER, anonymous_kb=1000, swapped_kb=500)
    assert processes.memory().bytes() == 1508 * 1024


def test_processes_that_a_trainer_started_count_once_they_are_noticed(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.add(LEADER, LEADER, anonymous_kb=1000)
    memory = processes.memory()
    processes.add(CHILD, LEADER, anonymous_kb=2000)
    processes.add(STRANGER, STRANGER, anonymous_kb=4000)
    processes.now += MEMBERS_KNOWN_S
    assert memory.bytes() == (1008 + 2008) * 1024


def test_a_trainer_that_has_ended_holds_nothing(tmp_path: Path) -> None:
    assert Processes(tmp_path).memory().bytes() == 0


def test_this_system_tells_what_a_real_process_holds() -> None:
    memory = GroupMemory(os.getpid())
    before = memory.bytes()
    held = bytearray(b"x" * 64_000_000)
    assert before > 0
    assert memory.bytes() - before >= 0.9 * len(held)
