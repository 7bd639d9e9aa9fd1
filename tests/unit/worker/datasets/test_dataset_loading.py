import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.paths import SHARED_DATA
from tests.unit.worker.datasets.made_files import idx_gz
from worker.datasets import DatasetCorrupt, DatasetNotFound, dataset_info, is_available, load_dataset
from worker.datasets.idx import read_idx
from worker.datasets.official import OFFICIAL

needs_official_files = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs ../shared/data")


def test_an_unknown_dataset_is_not_found(tmp_path: Path) -> None:
    for ask in (is_available, load_dataset):
        with pytest.raises(DatasetNotFound):
            ask("imagenet", tmp_path)


def test_a_dataset_is_available_once_all_its_files_are_there(tmp_path: Path) -> None:
    for name, official in OFFICIAL.items():
        (tmp_path / official.folder).mkdir()
        for file in official.files:
            assert not is_available(name, tmp_path)
            (tmp_path / official.folder / file.name).touch()
        assert is_available(name, tmp_path)


def test_the_sample_is_always_available() -> None:
    assert is_available("fashion_mnist_sample", Path("nowhere"))


@needs_official_files
@pytest.mark.parametrize(("name", "first_labels"), [("cifar10", [6, 9, 9, 4, 1]), ("fashion_mnist", [9, 0, 0, 3, 0])])
def test_the_official_files_are_read_whole(name: str, first_labels: list[int]) -> None:
    info = dataset_info(name)
    dataset = load_dataset(name, SHARED_DATA)
    assert dataset.train_images.shape == (info.n_train, *info.image_shape)
    assert dataset.test_images.shape == (info.n_test, *info.image_shape)
    assert tuple(np.bincount(dataset.train_labels)) == info.train_per_class
    assert tuple(np.bincount(dataset.test_labels)) == info.test_per_class
    assert dataset.train_labels[:5].tolist() == first_labels
    assert dataset.fingerprint == info.fingerprint


@pytest.fixture
def own_copy(tmp_path: Path) -> Path:
    shutil.copytree(SHARED_DATA / "fashion-mnist", tmp_path / "fashion-mnist", copy_function=shutil.copyfile)
    return tmp_path / "fashion-mnist"


@needs_official_files
def test_a_well_formed_file_with_another_label_is_named(own_copy: Path) -> None:
    path = own_copy / "t10k-labels-idx1-ubyte.gz"
    labels = read_idx(path, (10_000,), "fashion_mnist").copy()
    labels[5] = 9 - labels[5]
    path.write_bytes(idx_gz(labels))
    with pytest.raises(DatasetCorrupt, match="not the official pictures and labels") as refused:
        load_dataset("fashion_mnist", own_copy.parent)
    assert refused.value.file == path.name


def test_a_pickle_that_is_not_the_official_one_is_never_opened(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for file in OFFICIAL["cifar10"].files:
        (folder / file.name).write_bytes(b"\x80\x02r\x00\x00\x00\x20.")  # would take gigabytes
    with pytest.raises(DatasetCorrupt, match="the checksum differs") as refused:
        load_dataset("cifar10", tmp_path)
    assert refused.value.file.startswith("data_batch_1, data_batch_2")


@needs_official_files
def test_a_label_that_no_class_has_is_refused(own_copy: Path) -> None:
    (own_copy / "train-labels-idx1-ubyte.gz").write_bytes(idx_gz(np.full(60_000, 10, dtype=np.uint8)))
    with pytest.raises(DatasetCorrupt, match="expected 0 to 9, got 10"):
        load_dataset("fashion_mnist", own_copy.parent)


@needs_official_files
def test_the_same_pictures_packed_anew_are_welcome(own_copy: Path) -> None:
    path = own_copy / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(idx_gz(read_idx(path, (10_000,), "fashion_mnist")))
    load_dataset("fashion_mnist", own_copy.parent)
