"""Tables with pictures in them, alone and in archives: CSV with pixels, and Parquet of the Hugging Face library."""

# ruff: noqa: RUF001 - letters of another script are meant

import bz2
import gzip
import io
import json
import lzma
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from arro3.core import Array, DataType, Field, Schema, Table, struct_array
from arro3.io import write_parquet

from tests.archives import encoded_noise, picture, zipped
from tests.unit.worker.datasets.test_upload_foreign import converted, tarred
from worker.datasets.upload.errors import ArchiveRejected

FLOWERS = {f"flowers/{label}/{n}.png": picture((n, 99, 7)) for label in ("rose", "tulip") for n in range(5)}


def pixel_table(rows: int, separator: str = ",", *, labels: bool = True, first: int = 0) -> bytes:
    pixels = np.random.default_rng(first).integers(0, 256, (rows, 16)).astype(str)
    titles = ["label"] * labels + [f"pixel{n}" for n in range(16)]
    lines = [[str(row % 2)] * labels + list(pixels[row]) for row in range(rows)]
    return "\n".join(separator.join(line) for line in [titles, *lines]).encode()


def parquet(
    labels: Sequence[str] | Sequence[int], names: Sequence[str] = (), first: int = 0, metadata: str = ""
) -> bytes:
    """A Parquet file of a picture for each label, with the metadata that the Hugging Face library writes."""
    data = Array([encoded_noise(first + n, 8) for n in range(len(labels))], type=DataType.binary())
    paths = Array([f"{n}.png" for n in range(len(labels))], type=DataType.utf8())
    images = struct_array([data, paths], fields=[Field("bytes", DataType.binary()), Field("path", DataType.utf8())])
    column = Array(labels, type=DataType.int64() if isinstance(labels[0], int) else DataType.utf8())
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(names)}}
    metadata = json.dumps({"info": {"features": features}}) if names else metadata
    told = {"huggingface": metadata} if metadata else {}
    schema = Schema([Field("image", images.type), Field("label", column.type)], metadata=told)
    target = io.BytesIO()
    write_parquet(Table.from_arrays([images, column], schema=schema), target, compression="snappy")
    return target.getvalue()


@pytest.mark.parametrize("mode", ["w:bz2", "w:xz"])
def test_a_tar_may_be_compressed_in_any_usual_way(mode: str, tmp_path: Path) -> None:
    expected = converted(zipped(FLOWERS), tmp_path)
    assert converted(tarred(FLOWERS, mode), tmp_path).fingerprint == expected.fingerprint


def test_a_tar_from_before_posix_is_known_by_its_checksum(tmp_path: Path) -> None:
    archive = bytearray(tarred(FLOWERS))
    for at in range(0, len(archive), 512):
        if archive[at + 257 : at + 262] == b"ustar":
            archive[at + 257 : at + 265] = bytes(8)
            archive[at + 148 : at + 156] = b" " * 8
            archive[at + 148 : at + 156] = b"%06o\0 " % sum(archive[at : at + 512])
    assert converted(bytes(archive), tmp_path).classes == ("rose", "tulip")


def test_names_of_a_tar_that_are_not_utf8_are_warned_about_or_read_in_the_given_code_page(tmp_path: Path) -> None:
    files = {name.replace("rose", "роза"): data for name, data in FLOWERS.items()}
    archive = tarred(files).replace("роза".encode(), "роза".encode("cp1251") + b"1234")
    facts = converted(_checked(archive), tmp_path)
    assert "not UTF-8" in str(facts.report["warnings"])
    assert converted(_checked(archive), tmp_path, encoding="cp1251").classes == ("tulip", "роза1234")


def _checked(archive: bytes) -> bytes:
    """A tar whose headers have the sums of their bytes."""
    found = bytearray(archive)
    for at in range(0, len(found), 512):
        if found[at + 257 : at + 262] == b"ustar":
            found[at + 148 : at + 156] = b" " * 8
            found[at + 148 : at + 156] = b"%06o\0 " % sum(found[at : at + 512])
    return bytes(found)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_of_pixels_may_have_another_separator(separator: str, tmp_path: Path) -> None:
    expected = converted(pixel_table(8), tmp_path)
    assert converted(pixel_table(8, separator), tmp_path).fingerprint == expected.fingerprint


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_table_of_pixels_may_be_compressed(compress: type[bytes], tmp_path: Path) -> None:
    assert converted(compress(pixel_table(8)), tmp_path).train_per_class == (3, 3)


def test_tables_of_pixels_in_an_archive_have_their_splits(tmp_path: Path) -> None:
    files = {
        "sign_train/sign_train.csv": pixel_table(12),
        "sign_test.csv": pixel_table(6, first=1),
        "a.png": picture(1),
    }
    facts = converted(zipped(files), tmp_path)
    assert (facts.train_per_class, facts.test_per_class) == ((6, 6), (3, 3))
    assert {path.name for path in (tmp_path / "0").iterdir()} & {"tables.zip", "table"} == set()


def test_a_table_without_labels_beside_one_with_labels_is_left_out(tmp_path: Path) -> None:
    files = {"train.csv": pixel_table(10), "test.csv": pixel_table(6, labels=False, first=1)}
    facts = converted(zipped(files | {"sample_submission.csv": b"ImageId,Label\n1,0\n"}), tmp_path)
    assert (facts.train_per_class, facts.test_per_class) == ((4, 4), (1, 1))


def test_all_pixels_may_be_in_one_column(tmp_path: Path) -> None:
    rows = [
        f"{n % 2},{' '.join(str(n * m % 256) for m in range(16))},{('Training', 'PublicTest')[n > 7]}"
        for n in range(12)
    ]
    facts = converted("\n".join(["emotion,pixels,Usage", *rows]).encode(), tmp_path)
    assert (facts.train_per_class, facts.test_per_class) == ((4, 4), (2, 2))


def test_a_table_beside_many_pictures_is_none_of_pictures(tmp_path: Path) -> None:
    assert converted(zipped(FLOWERS | {"features.csv": pixel_table(8)}), tmp_path).classes == ("rose", "tulip")


def test_parquet_of_the_hugging_face_library_has_its_class_names(tmp_path: Path) -> None:
    facts = converted(parquet([0, 1, 0, 1, 0, 1, -1], ("T-shirt/top", "Bag")), tmp_path)
    assert facts.classes == ("Bag", "T-shirt/top")
    assert (facts.train_per_class, facts.test_per_class) == ((2, 2), (1, 1))
    assert facts.image_shape == (8, 8, 3)


def test_parquet_without_metadata_has_its_labels_as_they_are(tmp_path: Path) -> None:
    assert converted(parquet(["a b", "c"] * 3), tmp_path).classes == ("a b", "c")
    assert converted(parquet([3, 7] * 3), tmp_path).classes == ("3", "7")
    assert converted(parquet([0, 1] * 3, metadata="[" * 5000), tmp_path).classes == ("0", "1")


def test_the_parts_of_a_repository_are_one_data_set(tmp_path: Path) -> None:
    files = {f"data/train-{n:05}-of-00002.parquet": parquet([0, 1] * 4, ("cat", "dog"), 10 * n) for n in range(2)}
    files["data/test-00000-of-00001.parquet"] = parquet([0, 1], ("cat", "dog"), 99)
    facts = converted(zipped(files | {"README.md": b"beans"}), tmp_path)
    assert (facts.train_per_class, facts.test_per_class) == ((8, 8), (1, 1))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-20], "cannot be read"),
        (lambda data: data[:4] + b"\xff" * 40 + data[44:], "cannot be read|usable pictures"),
        (lambda data: b"PAR1", "cannot be read"),
    ],
)
def test_damaged_parquet_is_refused(damage: type[bytes], words: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRejected, match=words):
        converted(damage(parquet([0, 1] * 4)), tmp_path)


def test_without_the_extra_parquet_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    with pytest.raises(ArchiveRejected, match="cannot read Parquet files") as refusal:
        converted(parquet([0, 1] * 4), tmp_path)
    assert "convserve[parquet]" in str(refusal.value.hint)
