"""How much memory a trainer and the processes it started hold.

Anonymous and shared memory count, in RAM or swapped out: it comes back only when its process ends or frees it. Pages
of files do not count, since the kernel can drop them. The address space says nothing, so RLIMIT_AS cannot bound a
trainer: one that waits for its first job had reserved 2.7 GB of addresses for 0.7 GB of memory, and CUDA reserves many
times more.
"""

import time
from collections.abc import Callable
from pathlib import Path

MEMBERS_KNOWN_S = 5.0
"""How long a list of the group's processes is used. Making it reads a file of every process on the machine: 9 ms for
142 of them, where reading the memory of one trainer takes 0.09 ms."""
_COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:")


class GroupMemory:
    """Memory of one process group.

    Args:
        group: id of the group, which is its leader's process id.
        clock: seconds that never go backwards.
        processes: the proc file system.
    """

    def __init__(
        self, group: int, clock: Callable[[], float] = time.monotonic, processes: Path = Path("/proc")
    ) -> None:
        self._group = group
        self._clock = clock
        self._processes = processes
        self._members = {group}
        self._listed_at = clock()

    def bytes(self) -> int:
        """Bytes held now; 0 where the system does not tell."""
        if self._clock() - self._listed_at >= MEMBERS_KNOWN_S:
            self._members = {self._group, *self._list_members()}
            self._listed_at = self._clock()
        return sum(map(self._of, self._members))

    def _list_members(self) -> list[int]:
        ids = [int(path.name) for path in self._processes.glob("[0-9]*")]
        return [process for process in ids if self._group_of(process) == self._group]

    def _group_of(self, process: int) -> int | None:
        try:
            stat = (self._processes / str(process) / "stat").read_text()
        except OSError:
            return None  # it has ended
        return int(stat.rpartition(")")[2].split()[2])  # pgrp: field 5 in proc(5), the name in field 2 may have spaces

    def _of(self, process: int) -> int:
        try:
            lines = (self._processes / str(process) / "status").read_text().splitlines()
        except OSError:
            return 0
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(_COUNTED))
