"""Many pictures are classified in an order that does not change, and what cannot be read is said in words."""

import csv
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.archives import picture, zipped
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.options import UploadLimits
from worker.predictions.options import BulkOrder, Fault, ReaderOrder
from worker.predictions.reader import classify
from worker.predictions.rows import Answered, Counted, Failed, Row, written

LIMITS = UploadLimits(
    max_files=100,
    max_unpacked_bytes=10**7,
    max_picture_bytes=10**6,
    max_picture_pixels=10**6,
    max_picture_side=1000,
    max_pixels=10**6,
    max_cpu_s=60,
    max_memory_bytes=10**9,
)
FILES = {"b/2.png": picture(255), "a.png": picture(0), "b/broken.jpg": b"\xff\xd8\xff no", "notes.txt": b"hello"}


def darkness(images: NDArray[np.float32]) -> NDArray[np.float32]:
    light = images.mean(axis=(1, 2, 3))
    return np.stack([1 - light, light, np.zeros_like(light)], axis=1)


def order_for(folder: Path, archive: bytes | None = None, **changes: object) -> ReaderOrder:
    path = folder / "pictures"
    if archive is not None:
        path.write_bytes(archive)
    known = {
        "archive": str(path),
        "folder": str(folder),
        "network": "",
        "input_shape": (4, 4, 3),
        "classes": ("dark", "light", "never"),
        "top_k": 2,
        "order": BulkOrder(limits=LIMITS, max_pictures=10),
    }
    return ReaderOrder.model_validate(known | changes)


def rows_of(order: ReaderOrder) -> tuple[Counted, list[Row]]:
    messages: list[Row | Counted] = []
    classify(order, darkness, messages.append)
    counted, *rows = messages
    assert isinstance(counted, Counted)
    return counted, [row for row in rows if not isinstance(row, Counted)]


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            opened.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_pictures_of_an_archive_come_by_name_and_other_files_are_left_out(tmp_path: Path, pack: object) -> None:
    counted, rows = rows_of(order_for(tmp_path, pack(FILES)))  # type: ignore[operator]
    assert (counted.total, counted.left_out) == (3, {"not_a_picture": 1})
    assert [row.name for row in rows] == ["a.png", "b/2.png", "b/broken.jpg"]
    first, second, broken = rows
    assert isinstance(first, Answered) and isinstance(second, Answered) and isinstance(broken, Failed)  # noqa: PT018
    assert [guess.label for guess in first.top_k] == ["dark", "light"]
    assert second.top_k[0].label == "light"
    assert broken.error.code == "picture_invalid"


def test_a_job_goes_on_where_it_was(tmp_path: Path) -> None:
    _, rows = rows_of(order_for(tmp_path, zipped(FILES), start=2))
    assert [row.name for row in rows] == ["b/broken.jpg"]


def test_pictures_of_a_list_have_their_names_and_reasons(tmp_path: Path) -> None:
    told = BulkOrder(
        limits=LIMITS,
        max_pictures=10,
        names={"000000": "boot.png", "000001": "far.png"},
        rejected={"000001": Fault(code="picture_not_fetched", message="no answer")},
    )
    _, rows = rows_of(order_for(tmp_path, zipped({"000000": picture(9), "000001": b""}), order=told))
    assert [row.name for row in rows] == ["boot.png", "far.png"]
    assert isinstance(rows[1], Failed)
    assert rows[1].error.message == "no answer"


@pytest.mark.parametrize("side", [4, 8])
def test_pictures_of_a_split_are_named_by_their_places(tmp_path: Path, side: int) -> None:
    images = tmp_path / "images.npy"
    np.save(images, np.stack([np.full((side, side, 3), level, np.uint8) for level in (0, 255)]))
    counted, rows = rows_of(order_for(tmp_path, archive=None, images=str(images), prefix="test/"))
    assert (counted.total, [row.name for row in rows]) == (2, ["test/0", "test/1"])
    assert [row.top_k[0].label for row in rows if isinstance(row, Answered)] == ["dark", "light"]


@pytest.mark.parametrize(
    ("files", "most", "said"),
    [({"notes.txt": b"no"}, 10, "no pictures"), ({f"{n}.png": picture(n) for n in range(3)}, 2, "too many pictures")],
)
def test_an_archive_without_pictures_or_with_too_many_is_refused(
    tmp_path: Path, files: dict[str, bytes], most: int, said: str
) -> None:
    told = BulkOrder(limits=LIMITS, max_pictures=most)
    with pytest.raises(ArchiveRejected, match=said):
        rows_of(order_for(tmp_path, zipped(files), order=told))


def test_pixels_of_all_pictures_together_are_bounded(tmp_path: Path) -> None:
    limits = LIMITS.model_copy(update={"max_pixels": 200})
    files = {f"{n}.png": picture(n) for n in range(2)}  # 144 pixels each
    _, rows = rows_of(order_for(tmp_path, zipped(files), order=BulkOrder(limits=limits, max_pictures=9)))
    assert [row.kind for row in rows] == ["answered", "failed"]


def test_rows_are_csv_and_json_lines(tmp_path: Path) -> None:
    _, rows = rows_of(order_for(tmp_path, zipped({**FILES, 'c, "d".png': picture(0)})))
    found = written(rows, 2, is_first=True)
    table = list(csv.DictReader(io.StringIO(found["csv"].decode(), newline="")))
    lines = [json.loads(line) for line in found["jsonl"].splitlines()]
    assert [row["name"] for row in table] == [line["name"] for line in lines] == [row.name for row in rows]
    assert (table[0]["label"], table[0]["label_2"]) == ("dark", "light")
    assert float(table[0]["score"]) == lines[0]["score"] == lines[0]["top_k"][0]["score"]
    assert table[2]["error"] == lines[2]["error"]["message"]
    assert not written(rows, 2, is_first=False)["csv"].startswith(b"name")
