import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.paths import SHARED_DATA
from worker.datasets import Dataset, dataset_info, load_dataset
from worker.datasets.loading import SAMPLE
from worker.datasets.make_sample import choose, make_sample

OFFICIAL_FILES = SHARED_DATA / "fashion-mnist"


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("fashion_mnist_sample", Path("nowhere"))


def test_it_has_as_many_pictures_of_each_class_as_the_catalog_says(sample: Dataset) -> None:
    assert sample.train_images.shape == (3000, 28, 28, 1)
    assert sample.test_images.shape == (1000, 28, 28, 1)
    assert np.bincount(sample.train_labels).tolist() == [300] * 10
    assert np.bincount(sample.test_labels).tolist() == [100] * 10
    assert sample.fingerprint == dataset_info("fashion_mnist_sample").fingerprint


def test_its_pictures_are_distinct_and_its_classes_mixed(sample: Dataset) -> None:
    pictures = np.concatenate([sample.train_images, sample.test_images])
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert len(set(sample.train_labels[:40].tolist())) == 10


def test_its_arrays_cannot_be_changed(sample: Dataset) -> None:
    for array in (sample.train_images, sample.train_labels, sample.test_images, sample.test_labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_it_is_small_and_carries_its_licence() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 2_000_000
    notice = (SAMPLE / "LICENSE").read_text("utf-8")
    assert "The MIT License (MIT) Copyright © 2017 Zalando SE" in notice
    assert "The above copyright notice and this permission notice shall be included" in notice


def test_a_choice_is_balanced_and_always_the_same() -> None:
    labels = np.arange(1000, dtype=np.uint8) % 3
    chosen = choose(labels, (5, 5, 5), "train")
    assert np.bincount(labels[chosen]).tolist() == [5, 5, 5]
    np.testing.assert_array_equal(chosen, choose(labels, (5, 5, 5), "train"))
    assert chosen.tolist() != choose(labels, (5, 5, 5), "t10k").tolist()
    assert (np.diff(chosen) > 0).all()


@pytest.mark.long
@pytest.mark.skipif(not OFFICIAL_FILES.is_dir(), reason="needs ../shared/data")
def test_the_script_makes_the_very_same_files_again(tmp_path: Path) -> None:
    make_sample(OFFICIAL_FILES, tmp_path)
    for made in tmp_path.iterdir():
        bundled = SAMPLE / made.name
        assert gzip.decompress(made.read_bytes()) == gzip.decompress(bundled.read_bytes())
        if "ng" not in zlib.ZLIB_RUNTIME_VERSION:  # another zlib may pack the same bytes differently
            assert made.read_bytes() == bundled.read_bytes()
