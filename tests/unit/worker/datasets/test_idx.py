import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.unit.worker.datasets.made_files import idx, idx_gz
from worker.datasets import DatasetCorrupt
from worker.datasets.idx import read_idx

PICTURES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 1], dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train-images-idx3-ubyte.gz"


@pytest.mark.parametrize("values", [PICTURES, LABELS])
def test_values_come_back_in_their_shape(path: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    path.write_bytes(idx_gz(values))
    read = read_idx(path, values.shape, "small")
    np.testing.assert_array_equal(read, values)
    assert read.dtype == np.uint8


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated header; expected 16 bytes, got 0"),
        (b"no gzip at all", "not a complete gzip file"),
        (idx_gz(PICTURES)[:-4], "not a complete gzip file"),
        (idx_gz(PICTURES)[:30], "not a complete gzip file"),
        (idx_gz(PICTURES)[:-8] + bytes(8), "not a complete gzip file"),
        (gzip.compress(b"\0\0\x08\x03"), "truncated header; expected 16 bytes, got 4"),
        (gzip.compress(idx(PICTURES, kind=0x0D)), "expected magic 00000803, got 00000d03"),
        (idx_gz(LABELS) + idx_gz(PICTURES), "expected magic 00000803, got 00000801"),
        (gzip.compress(b"\1" + idx(PICTURES)[1:]), "expected magic 00000803, got 01000803"),
        (idx_gz(PICTURES[:2]), r"wrong shape; expected \(3, 4, 5\), got \(2, 4, 5\)"),
        (gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12), "wrong shape; .* got .4294967295, 4294967295, 4294967295"),
        (gzip.compress(idx(PICTURES)[:-1]), "wrong number of values; expected 60, got 59"),
        (gzip.compress(idx(PICTURES) + b"x"), "wrong number of values; expected 60, got more"),
        (gzip.compress(idx(PICTURES) + bytes(50_000_000)), "wrong number of values; expected 60, got more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",  # gzip writes the time into the bytes
)
def test_every_other_file_is_refused_with_a_reason(path: Path, data: bytes, reason: str) -> None:
    path.write_bytes(data)
    with pytest.raises(DatasetCorrupt, match=reason) as refused:
        read_idx(path, PICTURES.shape, "small")
    assert (refused.value.name, refused.value.file) == ("small", path.name)
    assert path.name in refused.value.hint
