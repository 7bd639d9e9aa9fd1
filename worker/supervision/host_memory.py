"""How much memory this host has for a trainer: the machine's, or less where a control group (a container) says so."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

TRAINER_SHARE = 0.8
"""Part of the memory that one trainer may take unless a setting says otherwise; the API and the worker need some."""
_MEMBERSHIP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def most_trainer_bytes(setting: int | None) -> int:
    """Most memory a trainer may take on this host.

    Args:
        setting: `CONVSERVE_TRAINER_MEMORY_BYTES`, if it is set.
    """
    return setting or int(TRAINER_SHARE * host_bytes())


def host_bytes(membership: Path = _MEMBERSHIP, groups: Path = _GROUPS) -> int:
    """Memory that this process could use if no other process used any.

    Args:
        membership: says which control groups this process is in, see cgroups(7).
        groups: where control groups are mounted.
    """
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_group_limits(membership, groups)])


def _group_limits(membership: Path, groups: Path) -> Iterator[int]:
    """Limits of this process's groups and of the groups they are in, of both versions of control groups."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _limits(groups, group, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits(groups / "memory", group, "memory.limit_in_bytes")


def _limits(root: Path, group: str, file: str) -> Iterator[int]:
    path = PurePosixPath(group.lstrip("/"))
    # A container without a namespace of its own for groups sees the host's path, and its own limit at the root.
    for folder in (path, *path.parents):
        try:
            text = (root / folder / file).read_text().strip()
        except OSError:
            continue
        if text.isdigit():  # else "max": no limit
            yield int(text)
