"""How much of a disk stays free: one rule for the store, for uploads that arrive and for their conversion."""

import shutil
from pathlib import Path


def leaves_enough(free_bytes: int | None, size_bytes: int, min_free_bytes: int) -> bool:
    """Whether adding `size_bytes` leaves at least `min_free_bytes`; True where the free space is unknown (None)."""
    return free_bytes is None or free_bytes - size_bytes >= min_free_bytes


def has_space_for(directory: Path, size_bytes: int, min_free_bytes: int) -> bool:
    """Whether so many bytes fit on a directory's file system and leave `min_free_bytes` free."""
    return leaves_enough(shutil.disk_usage(directory).free, size_bytes, min_free_bytes)
