"""The peak memory of a process does not include that of the process that started it."""

import subprocess
import sys

HELD_BYTES = 300_000_000
CHILD = "from worker.imports.peak_memory import peak_memory_bytes; print(peak_memory_bytes())"
PARENT = f"""
import subprocess, sys
held = b"x" * {HELD_BYTES}
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


def test_what_the_starting_process_held_does_not_count() -> None:
    said = subprocess.run([sys.executable, "-c", PARENT], check=True, capture_output=True, text=True).stdout
    assert 1_000_000 < int(said) < HELD_BYTES


def test_what_is_held_counts() -> None:
    script = f"held = b'x' * {HELD_BYTES}; {CHILD}"
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert HELD_BYTES < int(said) < 2 * HELD_BYTES
