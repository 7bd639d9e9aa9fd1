"""Publishers in processes of their own: two at once, and one watched system call by system call."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from model_store import ModelStore, open_store
from model_store.changes import LOG, MARKER

PROJECT = Path(__file__).parents[2]
PUBLISHER = [sys.executable, "-m", "tests.integration.publisher_process"]

FSYNC = re.compile(r"fsync\(\d+<(.+?)>\) += 0")
SHOW = re.compile(r'(?:link|rename)\w*\((?:AT_FDCWD\S*, )?"(.+?)", (?:AT_FDCWD\S*, )?"(.+?)".* = 0')


def start_publisher(url: Path, how_many: int, under: Sequence[str] = ()) -> "subprocess.Popen[str]":
    command = [*under, *PUBLISHER, str(url), str(how_many)]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def assert_every_version_is_whole(store: ModelStore) -> None:
    for version in store.versions("shirts"):
        files = store.manifest("shirts", version).files
        assert len(files) == 4
        for file in files:
            assert len(store.read("shirts", version, file)) == 200_000


def test_two_processes_at_once_get_a_number_each_and_every_version_is_whole(tmp_path: Path) -> None:
    publishers = [start_publisher(tmp_path, 8) for _ in range(2)]
    printed = [publisher.communicate()[0].split()[1:] for publisher in publishers]

    numbers = sorted(int(number) for one in printed for number in one)
    store = open_store(str(tmp_path))
    assert numbers == list(range(1, 17))
    assert store.versions("shirts") == numbers
    assert_every_version_is_whole(store)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_each_file_is_on_the_disk_before_it_shows_and_the_manifest_is_last(tmp_path: Path) -> None:
    trace, root = tmp_path / "trace", tmp_path / "store"
    watched = "trace=fsync,link,linkat,rename,renameat,renameat2"
    with start_publisher(root, 1, under=["strace", "-f", "-y", "-qq", "-e", watched, "-o", str(trace)]) as publisher:
        publisher.communicate()
    if publisher.returncode != 0:
        pytest.skip("strace may not trace here")

    synced: set[str] = set()
    shown: list[str] = []
    unsynced_directories: set[str] = set()
    for line in trace.read_text().splitlines():
        if found := FSYNC.search(line):
            synced.add(found[1])
            unsynced_directories.discard(found[1])
        elif (found := SHOW.search(line)) and found[2].startswith(f"{root}/"):  # `make coverage` has files of its own
            staged, target = found.groups()
            assert staged in synced, f"{target} showed before its bytes were on the disk"
            if target.endswith("/manifest.json"):
                assert not unsynced_directories
            shown.append(target.removeprefix(f"{root}/models/shirts/"))
            unsynced_directories.add(str(Path(target).parent))

    *of_version, log, marker = shown
    files = [f"versions/1/part-{part}.bin" for part in range(4)]
    assert of_version == ["numbers/1", *files, "versions/1/manifest.json"]
    assert log.startswith(f"{root}/{LOG}")
    assert marker == f"{root}/{MARKER}"
    assert not unsynced_directories
    levels = {"", "/models", "/models/shirts", "/models/shirts/numbers", "/models/shirts/versions"}
    assert synced >= {f"{root}{level}" for level in levels}
