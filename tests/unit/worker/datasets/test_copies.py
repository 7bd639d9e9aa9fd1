"""Trainers open built-in datasets from an unpacked copy, which may be missing, old or damaged."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from worker.datasets import Dataset, copies, load_dataset
from worker.datasets.copies import WRITER, CopyDamaged, open_built_in
from worker.datasets.unpacked import SOURCES, folder_of

NAME = "fashion_mnist_sample"


@pytest.fixture(scope="module")
def published() -> Dataset:
    return load_dataset(NAME, Path("unused"))


@pytest.fixture
def copy(tmp_path: Path, published: Dataset) -> Path:
    """The copy that the first job leaves."""
    folder = folder_of(published.info, tmp_path)
    open_built_in(NAME, tmp_path).confirm()
    wait_for_writer()
    assert folder.is_dir()
    return folder


def test_a_copy_has_the_published_pictures(copy: Path, tmp_path: Path, published: Dataset) -> None:
    opened = open_built_in(NAME, tmp_path)
    opened.confirm()
    opened.confirm()
    assert np.array_equal(opened.dataset.train_images, published.train_images)
    assert np.array_equal(opened.dataset.test_labels, published.test_labels)
    assert opened.dataset.fingerprint == published.fingerprint
    assert not opened.dataset.train_images.flags.writeable


def test_official_files_are_not_read_where_there_is_a_copy(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "load_dataset", lambda *_, **__: pytest.fail("the official files were read"))
    open_built_in(NAME, tmp_path).confirm()


def test_one_wrong_pixel_is_found_and_the_copy_removed(copy: Path, tmp_path: Path, published: Dataset) -> None:
    with (copy / "train-images.npy").open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))
    opened = open_built_in(NAME, tmp_path)
    with pytest.raises(CopyDamaged, match="copy of fashion_mnist_sample was damaged"):
        opened.confirm()
    assert not copy.exists()
    assert np.array_equal(open_built_in(NAME, tmp_path).dataset.train_images, published.train_images)


def made_of_others(copy: Path) -> None:
    told = json.loads((copy / SOURCES).read_text())
    told["files"]["train-images-idx3-ubyte.gz"][1] += 1
    (copy / SOURCES).write_text(json.dumps(told))


def cut_short(copy: Path) -> None:
    with (copy / "test-images.npy").open("r+b") as file:
        file.truncate(1000)


def of_other_shape(copy: Path) -> None:
    np.save(copy / "test-images.npy", np.zeros((10, 28, 28, 1), np.uint8))


def replaced_by_a_file(copy: Path) -> None:
    shutil.rmtree(copy)
    copy.write_text("")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "the official files are newer": made_of_others,
    "an earlier version wrote it": lambda copy: (copy / SOURCES).unlink(),
    "the list of files is damaged": lambda copy: (copy / SOURCES).write_bytes(b'{"files": \xff'),
    "the list of files is no list": lambda copy: (copy / SOURCES).write_text("[]"),
    "a file is missing": lambda copy: (copy / "train-labels.npy").unlink(),
    "a file is empty": lambda copy: (copy / "train-images.npy").write_bytes(b""),
    "a file is cut short": cut_short,
    "a file has another shape": of_other_shape,
    "it is a file": replaced_by_a_file,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_copy_that_is_of_no_use_is_replaced(
    copy: Path, tmp_path: Path, published: Dataset, damage: Callable[[Path], object]
) -> None:
    damage(copy)
    opened = open_built_in(NAME, tmp_path)
    opened.confirm()
    assert np.array_equal(opened.dataset.test_images, published.test_images)
    if copy.is_file():
        return  # nothing of ours
    wait_for_writer()
    assert copies._mapped(published.info, folder_of(published.info, tmp_path), tmp_path) is not None


def wait_for_writer() -> None:
    for thread in threading.enumerate():
        if thread.name == WRITER:
            thread.join()


def test_without_space_there_is_no_copy(tmp_path: Path, published: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "has_space_for", lambda _, size_bytes, least: size_bytes > 10**6 and least != 7)
    copies._leave_copy(published, tmp_path, min_free_bytes=7)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_written_costs_only_the_copy(tmp_path: Path, published: Dataset) -> None:
    (tmp_path / "datasets").write_text("a file")
    copies._leave_copy(published, tmp_path / "datasets", min_free_bytes=0)
    assert open_built_in(NAME, tmp_path / "datasets").dataset.fingerprint == published.fingerprint
