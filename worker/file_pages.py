"""Gives back pages of files that a process has mapped and will not need again soon, such as those of its libraries.

The import of TensorFlow touches 340 MB of them, the start of an API 29 MB. The kernel keeps their content in its cache
and maps them again when they are touched, and it does not copy them to a forked process, so that giving them back costs
little.
"""

import contextlib
import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

_MAPPINGS = Path("/proc/self/smaps")
_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-[x-]p .* /")
"""Of a mapping that is backed by a file and cannot be written."""
_CHANGED = ("Anonymous:", "Swap:")
"""Pages that the loader has changed: they are no longer the file's, and cannot be read from it again."""
_MADV_DONTNEED = 4  # linux/mman.h


def give_back_file_pages() -> None:
    """Unmap what can be mapped again from its file (Linux; elsewhere nothing happens)."""
    with contextlib.suppress(OSError):
        advise = ctypes.CDLL(None).madvise
        for start, end in list(unchanged_mappings(_MAPPINGS.read_text())):
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def unchanged_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """First address and end of each read-only mapping of a file without changed pages."""
    mapping: tuple[int, int] | None = None
    n_changed_known = 0
    for line in smaps.splitlines():
        if not line[0].isupper():
            found = _HEAD.match(line)
            mapping = (int(found[1], 16), int(found[2], 16)) if found else None
            n_changed_known = 0
        elif mapping and line.startswith(_CHANGED):
            if line.split()[1] != "0":
                mapping = None
                continue
            n_changed_known += 1
            if n_changed_known == len(_CHANGED):
                yield mapping
