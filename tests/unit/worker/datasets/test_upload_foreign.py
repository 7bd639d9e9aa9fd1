"""Archives that are no zip, and tables of pixels: what they become, and which are refused."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from model_store import DatasetFacts
from tests.archives import picture, zipped
from tests.unit.worker.datasets.conversion_orders import ordered
from worker.datasets.upload.convert import Link, convert
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.messages import CONVERTER_MESSAGES, Converted

PETS = {f"pets/{label}/{n}.png": picture((n, 99, 7)) for label in ("cat", "dog") for n in range(5)}


def converted(upload: bytes, directory: Path, **options: object) -> DatasetFacts:
    folder = directory / str(len(list(directory.iterdir())))
    folder.mkdir()
    (folder / "upload.zip").write_bytes(upload)
    reports = io.BytesIO()
    convert(ordered(folder, **options), Link(reports))
    last = CONVERTER_MESSAGES.validate_json(reports.getvalue().splitlines()[-1])
    assert isinstance(last, Converted)
    assert not (folder / "pictures.zip").exists()
    return last.facts


def tarred(files: Mapping[str, bytes], mode: str = "w", *others: tarfile.TarInfo) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for other in others:
            archive.addfile(other)
    return target.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_becomes_the_same_dataset_as_a_zip(mode: str, tmp_path: Path) -> None:
    expected = converted(zipped(PETS), tmp_path)

    assert converted(tarred(PETS, mode), tmp_path).fingerprint == expected.fingerprint
    assert converted(tarred({f"./{name}": data for name, data in PETS.items()}, mode), tmp_path) == expected


def linked(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(f"pets/cat/link{kind!r}.png")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def test_links_and_devices_of_a_tar_are_left_out(tmp_path: Path) -> None:
    others = [linked(kind) for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)]

    assert converted(tarred(PETS, "w", *others), tmp_path).train_per_class == (4, 4)


@pytest.mark.parametrize(
    "upload",
    [
        tarred(PETS, "w:gz")[:-200],
        tarred(PETS, "w:gz")[:40] + bytes(40),
        b"\x1f\x8b" + bytes(100),
        tarred({f"../{name}": data for name, data in PETS.items()}),
        tarred({f"/{name}": data for name, data in PETS.items()}),
        tarred({"notes.txt": b"no pictures"}),
    ],
    ids=["cut", "overwritten", "no gzip", "above its folder", "absolute", "no pictures"],
)
def test_a_damaged_or_hostile_tar_is_refused(upload: bytes, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRejected):
        converted(upload, tmp_path)


def test_a_tar_that_unpacks_to_too_much_is_refused_before_it_is_written(tmp_path: Path) -> None:
    bomb = tarred({"a/1.png": bytes(200 * 1024 * 1024), **PETS}, "w:gz")
    assert len(bomb) < 1_000_000

    with pytest.raises(ArchiveRejected, match="too large when unpacked"):
        converted(bomb, tmp_path)


def table(rows: int, pixels: int, title: bool = True, label: str = "label") -> bytes:
    random = np.random.default_rng(0)
    lines = [",".join([label, *(f"pixel{n}" for n in range(pixels))])] if title else []
    lines += [",".join(map(str, [number % 3, *random.integers(0, 256, pixels).tolist()])) for number in range(rows)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(("pixels", "shape"), [(64, (8, 8, 1)), (192, (8, 8, 3))])
@pytest.mark.parametrize("title", [True, False])
def test_a_table_of_pixels_is_a_dataset(pixels: int, shape: tuple[int, int, int], title: bool, tmp_path: Path) -> None:
    facts = converted(table(30, pixels, title), tmp_path)

    assert (facts.classes, facts.image_shape) == (("0", "1", "2"), shape)
    assert (facts.train_per_class, facts.test_per_class) == ((8, 8, 8), (2, 2, 2))


def test_the_labels_of_a_table_may_be_its_last_column(tmp_path: Path) -> None:
    rows = [line.split(",") for line in table(30, 64).decode().splitlines()]
    turned = "\r\n".join(",".join([*row[1:], row[0]]) for row in rows).encode()

    assert converted(turned, tmp_path).fingerprint == converted(table(30, 64), tmp_path).fingerprint


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        (table(9, 60), "no picture; expected a label and the pixels of a square"),
        (table(9, 64).replace(b",2", b",299"), "expected pixels from 0 to 255"),
        (table(9, 64).replace(b",1", b",x"), "expected pixels from 0 to 255"),
        (table(9, 64)[:-100], "no picture"),
        (table(9, 64).replace(b"\n0,", b"\n../0,"), "leads elsewhere"),
    ],
)
def test_a_table_that_holds_no_pictures_is_refused_with_its_row(upload: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRejected, match=words):
        converted(upload, tmp_path)
