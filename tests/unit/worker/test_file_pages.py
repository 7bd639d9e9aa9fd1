import pytest

from worker.file_pages import unchanged_mappings

pytestmark = pytest.mark.unit
SMAPS = """\
1000-2000 r-xp 00000000 fe:00 1                 /usr/lib/libcode.so
Rss:                  8 kB
Anonymous:            0 kB
Swap:                 0 kB
VmFlags: rd ex mr mw me
2000-3000 r--p 00001000 fe:00 1                 /usr/lib/libcode.so
Anonymous:            4 kB
Swap:                 0 kB
3000-4000 r--p 00002000 fe:00 1                 /usr/lib/libcode.so
Anonymous:            0 kB
Swap:                 4 kB
4000-5000 rw-p 00003000 fe:00 1                 /usr/lib/libcode.so
Anonymous:            0 kB
Swap:                 0 kB
5000-6000 rw-p 00000000 00:00 0
Anonymous:            0 kB
Swap:                 0 kB
6000-7000 r--p 00000000 00:00 0                 [vvar]
Anonymous:            0 kB
Swap:                 0 kB
a000-b000 r--p 00000000 fe:00 2                 /usr/lib/with a space.so
Anonymous:            0 kB
Swap:                 0 kB
"""


def test_only_what_can_be_read_from_its_file_again_is_given_back() -> None:
    assert list(unchanged_mappings(SMAPS)) == [(0x1000, 0x2000), (0xA000, 0xB000)]
