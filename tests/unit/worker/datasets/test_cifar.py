import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.worker.datasets.made_files import python2_batch, small_info
from worker.datasets import DatasetCorrupt
from worker.datasets.cifar import MAX_BATCH_BYTES, TEST_BATCHES, TRAIN_BATCHES, read_cifar10, read_cifar100

INFO = small_info(2, 4, 3)
PICTURES = np.random.default_rng(5).integers(0, 256, (12, 2, 4, 3), dtype=np.uint8)
LABELS = [0, 1] * 6


def in_planes(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One row per picture: all of its red, then all of its green, then all of its blue."""
    return pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five training batches and a test batch of two pictures each."""
    for number, name in enumerate((*TRAIN_BATCHES, *TEST_BATCHES)):
        part = slice(2 * number, 2 * number + 2)
        (tmp_path / name).write_bytes(python2_batch(in_planes(PICTURES[part]), LABELS[part]))
    return tmp_path


def test_the_made_batches_are_what_numpy_would_read() -> None:
    """So that the other tests here speak of the real format."""
    batch = python2_batch(in_planes(PICTURES[:2]), [0, 1])
    unpickled = pickle.loads(batch.replace(b"numpy.core", b"numpy._core"), encoding="bytes")
    np.testing.assert_array_equal(unpickled[b"data"], in_planes(PICTURES[:2]))


def test_planes_become_pixels_and_batches_follow_each_other(folder: Path) -> None:
    train, test = read_cifar10(folder, INFO)
    np.testing.assert_array_equal(train.images, PICTURES[:10])
    np.testing.assert_array_equal(test.images, PICTURES[10:])
    assert train.labels.tolist() == LABELS[:10]
    assert test.labels.tolist() == LABELS[10:]
    assert train.images.dtype == np.uint8
    assert train.labels.dtype == np.int64


def test_cifar100_is_read_with_its_fine_labels(tmp_path: Path) -> None:
    for name, part in (("train", slice(0, 10)), ("test", slice(10, 12))):
        batch = python2_batch(in_planes(PICTURES[part]), LABELS[part])
        (tmp_path / name).write_bytes(batch.replace(b"U\x06labels", b"U\x0bfine_labels"))
    train, test = read_cifar100(tmp_path, INFO)
    np.testing.assert_array_equal(np.concatenate([train.images, test.images]), PICTURES)
    assert [*train.labels, *test.labels] == LABELS


@pytest.mark.parametrize(
    "payload",
    [
        b"cos\nsystem\n(S'touch {}'\ntR.",
        b"cposix\nsystem\n(S'touch {}'\ntR.",
        b'cbuiltins\neval\n(S\'open("{}", "w")\'\ntR.',
        b'c__builtin__\neval\n(S\'open("{}", "w")\'\ntR.',
        b"csubprocess\ngetoutput\n(S'touch {}'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x09touch {}\x85R.",
        b"cnumpy\nload\n(S'{}'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
        b"cworker.datasets.cifar\npickle.os.system\n(S'touch {}'\ntR.",
    ],
)
def test_a_pickle_that_wants_to_run_something_runs_nothing(folder: Path, tmp_path: Path, payload: bytes) -> None:
    trace = tmp_path / "ran"
    (folder / "data_batch_3").write_bytes(payload.replace(b"{}", str(trace).encode()))
    with pytest.raises(DatasetCorrupt) as refused:
        read_cifar10(folder, INFO)
    assert refused.value.file == "data_batch_3"
    assert not trace.exists()


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (b"", "not an official batch"),
        (b"\x80\x02}.", "no array 'data'"),
        (b"\x80\x02]." + bytes(9), "no array 'data'"),
        (python2_batch(in_planes(PICTURES[:2]), [0, 1])[:-9], "not an official batch"),
        (python2_batch(in_planes(PICTURES[:3]), [0, 1, 1]), r"shape \(2, 24\)"),
        (python2_batch(in_planes(PICTURES[:2])[:, :12], [0, 1]), r"shape \(2, 24\)"),
        (python2_batch(in_planes(PICTURES[:2]), [0, 1], code=b"f8"), "no array 'data'"),
        (python2_batch(in_planes(PICTURES[:2]), [0]), "no list 'labels' of 2 numbers"),
        (python2_batch(in_planes(PICTURES[:2]), [0, 2]), "whole number from 0 to 1"),
        (python2_batch(in_planes(PICTURES[:2]), [0, -1]), "whole number from 0 to 1"),
        (b"\x80\x02T" + struct.pack("<i", -1) + b".", "not an official batch"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".", "not an official batch"),
        (b"(" * 100_000 + b"t" * 100_000 + b".", "no array 'data'"),
    ],
)
def test_every_other_pickle_is_refused_with_a_reason(folder: Path, batch: bytes, reason: str) -> None:
    (folder / "test_batch").write_bytes(batch)
    with pytest.raises(DatasetCorrupt, match=reason) as refused:
        read_cifar10(folder, INFO)
    assert refused.value.file == "test_batch"


def test_the_values_must_fill_the_shape(folder: Path) -> None:
    whole = python2_batch(in_planes(PICTURES[:2]), [0, 1])
    values = b"T" + struct.pack("<i", 48) + in_planes(PICTURES[:2]).tobytes()
    (folder / "test_batch").write_bytes(whole.replace(values, b"T" + struct.pack("<i", 47) + values[5:-1]))
    with pytest.raises(DatasetCorrupt, match="not an official batch"):
        read_cifar10(folder, INFO)


def test_a_file_far_too_large_is_refused_unread(folder: Path) -> None:
    with (folder / "test_batch").open("r+b") as file:
        file.truncate(MAX_BATCH_BYTES + 1)
    with pytest.raises(DatasetCorrupt, match="too large"):
        read_cifar10(folder, INFO)
