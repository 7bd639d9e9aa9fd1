"""Hostile archives over HTTP, with real converter processes: each is refused and leaves nothing behind.

One archive of each kind in section 3.2 and rows Z1 to Z5 of the project's reliability bar, half of them only in
`make promises`; `test_archive_rules.py` has all kinds without a process.
"""

import re
import shutil
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from model_store import ModelStore
from service.settings import ApiSettings
from tests.archives import (
    DEVICE,
    LINK,
    PIPE,
    many_empty_files,
    patched_directory,
    patched_end,
    picture,
    streamed,
    two_classes,
    with_mode,
    with_name,
    with_zip64_end,
    zipped,
)
from tests.busy_machine import is_within
from tests.integration.service.uploading import ZIP, converted, leftovers, upload

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
SECONDS = 20
"""Time within which an archive must be refused; on an idle machine it takes two seconds."""


@pytest.fixture
def settings(tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        data_dir=tmp_path,
        redis_url=f"unix://{tmp_path}/nobody-listens.sock",
        max_dataset_unpacked_bytes=16 * MIB,
    )


def pets(**more: bytes) -> bytes:
    return zipped(two_classes() | more)


def named(name: str) -> bytes:
    return zipped(two_classes() | {name: picture(5)})


def lying(offset: int, form: str, value: int) -> bytes:
    return patched_directory(pets(), offset, form, value)


def overlapping() -> bytes:
    same = {"dark/0.png": picture(1), "dark/1.png": picture(1), "light/0.png": picture(2)}
    return patched_directory(zipped(same), 42, "<L", 0, member=1)


class Hostile(NamedTuple):
    make: Callable[[], bytes]
    detail: str
    code: str = "archive_rejected"


HOSTILE_ARCHIVES = {
    "no archive": Hostile(lambda: b"Rar!" + bytes(100), "not a zip archive"),
    "no tar in it": Hostile(lambda: b"\x1f\x8b" + bytes(100), "damaged or no tar archive"),
    "cut short": Hostile(lambda: pets()[:-40], "cut short or damaged"),
    "a program before it": Hostile(lambda: b"PK" + bytes(50) + pets(), "contradicts itself"),
    "something behind it": Hostile(lambda: pets() + b"trailing", "cut short or damaged"),
    "two ends": Hostile(lambda: pets() + pets()[-22:], "two ends|directory is not where"),
    "one of several disks": Hostile(lambda: patched_end(pets(), 4, "<H", 1), "one part of several"),
    "a name that climbs": Hostile(lambda: named("../../x.png"), r"leads elsewhere: '../../x.png'"),
    "a name that climbs inside": Hostile(lambda: named("a/../../x.png"), "leads elsewhere"),
    "an absolute name": Hostile(lambda: named("/etc/x.png"), "is absolute"),
    "a drive": Hostile(lambda: named("C:\\x.png"), "is absolute"),
    "backslashes": Hostile(lambda: with_name(pets(), b"dark/0.png", b"..\\..\\.png"), "backslash"),
    "a null character": Hostile(lambda: with_name(pets(), b"dark/0.png", b"dark/\x00.png"), "control characters"),
    "a name of 4 KB": Hostile(lambda: named("dark/" + "x" * 4096), "too long"),
    "a symbolic link": Hostile(lambda: with_mode("dark/odd.png", LINK), "neither a file nor a folder"),
    "a pipe": Hostile(lambda: with_mode("dark/odd.png", PIPE), "neither a file nor a folder"),
    "a device": Hostile(lambda: with_mode("dark/odd.png", DEVICE), "neither a file nor a folder"),
    "a bomb by its ratio": Hostile(lambda: pets(**{"dark/bomb.png": bytes(2 * MIB)}), "more than 100 times"),
    "a bomb of small files": Hostile(
        lambda: pets(**{f"dark/z{n}.png": bytes(MIB) for n in range(17)}), "too large when unpacked"
    ),
    "250,000 empty files": Hostile(lambda: many_empty_files(250_000), "too many files; expected at most 200,000"),
    "250,000 files that are said to be two": Hostile(
        lambda: many_empty_files(250_000, n_said=2), "too many files; expected at most 200,000"
    ),
    "only archives in it": Hostile(
        lambda: zipped({"dark/1.zip": pets(), "light/2.zip": pets()}), "0 class folders.*2 nested archive"
    ),
    "files that share bytes": Hostile(overlapping, "contradicts itself"),
    "encrypted": Hostile(lambda: lying(8, "<H", 1), "encrypted at 'dark/0.png'"),
    "a rare compression": Hostile(lambda: zipped(two_classes(), zipfile.ZIP_LZMA), "compressed by method 14"),
    "a size that lies": Hostile(lambda: lying(24, "<L", 900), "differ at 'dark/0.png'"),
    "a packed size that lies": Hostile(lambda: lying(20, "<L", 5), "contradicts itself.*'dark/0.png'"),
    "a checksum that lies": Hostile(lambda: lying(16, "<L", 12345), "differ at 'dark/0.png'"),
    "a place that lies": Hostile(lambda: lying(42, "<L", 4_000_000_000), "contradicts itself.*'dark/0.png'"),
    "64-bit sizes that are missing": Hostile(lambda: lying(24, "<L", 0xFFFFFFFF), "64-bit sizes are missing"),
    "two ends that differ": Hostile(lambda: with_zip64_end(pets(), 9), "its two ends differ"),
    "classes that look the same": Hostile(lambda: named("da\u200crk/1.png"), "cannot be a label"),
    "one name twice": Hostile(lambda: with_name(pets(), b"dark/1.png", b"dark/0.png"), "two files named 'dark/0.png'"),
    "a script as a label": Hostile(lambda: named("<script>/1.png"), "cannot be a label: '<script>'"),
    "text that turns around": Hostile(lambda: named("cat\u202e/1.png"), "cannot be a label"),
    "no pictures in folders": Hostile(lambda: zipped({"1.png": picture(1)}), "0 class folders.*1 outside classes"),
    "one class": Hostile(lambda: zipped({"cat/1.png": picture(1)}), "1 class folder;.*at the top: 'cat'"),
    "1001 classes": Hostile(
        lambda: zipped({f"class {n}/1.png": b"1" for n in range(1001)}), "1001 class folders.*2 to 1000"
    ),
}


REFUSED_BY_ONE_READER = {
    *("cut short", "a program before it", "two ends", "one of several disks", "a name that climbs inside"),
    *("an absolute name", "a drive", "backslashes", "a name of 4 KB", "a pipe", "a device"),
    *("250,000 files that are said to be two", "a rare compression", "a size that lies", "a packed size that lies"),
    *("a place that lies", "64-bit sizes that are missing", "one name twice", "a script as a label"),
    *("text that turns around", "no pictures in folders", "one class"),
}
"""Only what the reader of directories says is special to these; `test_archive_rules.py` has them, too."""


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(made, id=name, marks=[pytest.mark.long] if name in REFUSED_BY_ONE_READER else [])
        for name, made in HOSTILE_ARCHIVES.items()
    ],
)
async def test_a_hostile_archive_is_refused_at_once_and_leaves_nothing(
    api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore, hostile: Hostile
) -> None:
    archive = hostile.make()
    began = time.monotonic()
    answer = await upload(api, archive)
    assert is_within(time.monotonic() - began, SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (422, "archive_rejected"), answer.text
    assert re.search(hostile.detail, answer.json()["detail"])
    assert leftovers(settings, store) == []
    assert (await api.get("/datasets/pets")).status_code == 404


def corrupt(content: bytes) -> dict[str, bytes]:
    return {f"broken/{n}.png": content for n in range(3)}


DAMAGED_PNG = picture(1)[:50]


def bit_flipped() -> bytes:
    archive = bytearray(zipped(two_classes(), zipfile.ZIP_STORED))
    archive[archive.index(b"IDAT") + 6] ^= 1
    return bytes(archive)


def undeflatable() -> bytes:
    archive = bytearray(pets())
    start = archive.index(b"dark/0.png") + len("dark/0.png")
    archive[start : start + 4] = b"\xff\xff\xff\xff"
    return bytes(archive)


@pytest.mark.parametrize(
    "hostile",
    [
        Hostile(bit_flipped, "'dark/0.png': its size or its CRC-32"),
        Hostile(undeflatable, "'dark/0.png': it cannot be unpacked"),
        Hostile(
            lambda: zipped({"light/1.png": picture(1)} | corrupt(DAMAGED_PNG)),
            "usable pictures in 1 class",
            "too_few_classes",
        ),
    ],
)
async def test_what_shows_only_when_it_is_unpacked_ends_the_conversion_and_leaves_its_reason(
    api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore, hostile: Hostile
) -> None:
    assert (await upload(api, hostile.make())).status_code == 202
    dataset = await converted(api)
    assert (dataset["state"], dataset["error"]["code"]) == ("failed", hostile.code)
    assert re.search(hostile.detail, dataset["error"]["message"])
    assert leftovers(settings, store) == ["pets"]


async def test_classes_without_a_usable_picture_are_named_in_the_report(api: httpx.AsyncClient) -> None:
    odd = corrupt(DAMAGED_PNG) | {"empty/": b"", "packed/1.zip": pets(), "deep/er/1.png": picture(9)}
    assert (await upload(api, zipped(two_classes() | odd))).status_code == 202
    dataset = await converted(api)
    assert dataset["state"] == "ready", dataset
    assert [line["label"] for line in dataset["classes"]] == ["dark", "light"]
    assert dataset["report"]["dropped_classes"] == ["broken", "deep", "empty", "packed"]
    assert dataset["report"]["skipped"] == {"damaged_picture": 3, "nested_archive": 1, "too_deep": 1}


@pytest.mark.parametrize("make", [streamed, lambda files: with_zip64_end(zipped(files))], ids=["streamed", "64 bits"])
async def test_unusual_but_honest_archives_become_datasets(
    api: httpx.AsyncClient, make: Callable[[dict[str, bytes]], bytes]
) -> None:
    assert (await upload(api, make(two_classes()))).status_code == 202
    assert (await converted(api))["state"] == "ready"


async def test_a_disk_that_fills_while_the_body_comes_is_507_and_nothing_stays(
    api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_bytes = [settings.min_free_bytes + 4 * MIB]

    def usage(path: object) -> Any:  # noqa: ANN401 - as `shutil` has it
        free_bytes[0] -= MIB  # another process writes, too
        return shutil._ntuple_diskusage(0, 0, free_bytes[0])

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"PK\3\4" + bytes(MIB // 4)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    answer = await api.post("/datasets?name=pets", content=body(), headers=ZIP)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert leftovers(settings, store) == []
