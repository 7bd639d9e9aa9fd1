"""Makes the C library's allocator return free memory, which it keeps for speed that is not needed here.

Measured on the API process with the preset `cnn`, after requests with 64 pictures: 217 MB by default, 174 MB with one
heap instead of one per thread. With a C library other than glibc nothing happens.
"""

import ctypes
import gc
from contextlib import suppress

_M_ARENA_MAX = -8  # from malloc.h


def use_one_heap() -> None:
    """Let all threads allocate from one heap; call it before threads start."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Return free memory to the system."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def settle() -> None:
    """After the start: free its garbage, and exclude the remaining objects from garbage collection.

    Otherwise the collector sometimes walks through the 120,000 objects of all modules in the middle of a request.
    """
    gc.collect()
    gc.freeze()
    give_back()
