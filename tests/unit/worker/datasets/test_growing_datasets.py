"""A dataset grows: what a new version has of the one before, and what of the archive."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import DatasetFacts
from tests.archives import encoded_noise, noise, picture, zipped
from tests.unit.worker.datasets.conversion_orders import ordered
from worker.datasets.dataset import LabelledImages, fingerprint
from worker.datasets.upload.convert import Link, convert
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.messages import CONVERTER_MESSAGES, Base, Converted
from worker.datasets.upload.packing import PREVIEW_FILE

FIRST = noise("cat", range(5), 0) | noise("dog", range(5), 100)


def converted(directory: Path, files: dict[str, bytes], base: Base | None = None, **options: object) -> DatasetFacts:
    directory.mkdir()
    (directory / "upload.zip").write_bytes(zipped(files))
    out = io.BytesIO()
    convert(ordered(directory, **options).model_copy(update={"base": base}), Link(out))
    last = CONVERTER_MESSAGES.validate_json(out.getvalue().splitlines()[-1])
    assert isinstance(last, Converted)
    return last.facts


def base_of(directory: Path, facts: DatasetFacts) -> Base:
    return Base(folder=str(directory), version=1, classes=facts.classes)


def arrays(directory: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.load(directory / f"{split}-images.npy"), np.load(directory / f"{split}-labels.npy")


@pytest.fixture
def first(tmp_path: Path) -> Base:
    return base_of(tmp_path / "1", converted(tmp_path / "1", FIRST))


SAME = {"image_size": (12, 12), "colour": "rgb"}


def test_new_pictures_come_behind_the_old_ones_which_keep_their_places(first: Base, tmp_path: Path) -> None:
    more = FIRST | noise("cat", range(5, 9), 200)
    facts = converted(tmp_path / "2", more, first, **SAME)
    assert (facts.classes, facts.train_per_class, facts.test_per_class) == (("cat", "dog"), (7, 4), (2, 1))
    for split, n in (("train", 8), ("test", 2)):
        (old, old_labels), (new, new_labels) = arrays(tmp_path / "1", split), arrays(tmp_path / "2", split)
        np.testing.assert_array_equal(new[:n], old)
        np.testing.assert_array_equal(new_labels[:n], old_labels)
    assert facts.fingerprint == fingerprint(
        *(LabelledImages(*arrays(tmp_path / "2", split)) for split in ("train", "test"))
    )
    assert facts.mean == pytest.approx(arrays(tmp_path / "2", "train")[0].mean(axis=(0, 1, 2)) / 255, abs=1e-6)
    assert facts.report["skipped"] == {"already_there": 10}
    assert (tmp_path / "2" / PREVIEW_FILE).stat().st_size


def test_one_class_folder_is_enough_and_a_new_class_comes_last(first: Base, tmp_path: Path) -> None:
    facts = converted(tmp_path / "2", noise("ant", range(4), 300), first, **SAME)
    assert (facts.classes, facts.train_per_class) == (("cat", "dog", "ant"), (4, 4, 3))


def test_a_class_in_other_letters_is_the_old_class(first: Base, tmp_path: Path) -> None:
    assert converted(tmp_path / "2", noise("Cat", range(3), 300), first, **SAME).classes == ("cat", "dog")


def test_splits_of_the_addition_are_kept_and_a_validation_split_may_be_new(first: Base, tmp_path: Path) -> None:
    files = {
        f"{split}/{name}": data
        for number, split in enumerate(("train", "test", "val"))
        for name, data in noise("dog", range(2), 400 + 10 * number).items()
    }
    facts = converted(tmp_path / "2", files, first, **SAME)
    assert (facts.train_per_class, facts.test_per_class, facts.validation_per_class) == ((4, 6), (1, 3), (0, 2))
    base = base_of(tmp_path / "2", facts)
    grown = converted(tmp_path / "3", noise("dog", range(4), 500), base, **SAME)
    assert (grown.train_per_class, grown.validation_per_class) == ((4, 9), (0, 2))


def test_a_picture_that_the_dataset_has_with_another_label_is_added_and_reported(first: Base, tmp_path: Path) -> None:
    facts = converted(tmp_path / "2", {"dog/x.png": FIRST["cat/0.png"]}, first, **SAME)
    report = json.loads(json.dumps(facts.report))
    assert report["duplicates"]["across_classes"] == 2
    assert any("picture 0 of version 1" in name or "version 1" in name for name in report["duplicates"]["examples"][0])


def test_without_a_new_picture_there_is_no_new_version(first: Base, tmp_path: Path) -> None:
    with pytest.raises(ArchiveRejected, match="All 10 pictures are in the dataset already") as refusal:
        converted(tmp_path / "2", FIRST, first, **SAME)
    assert refusal.value.code == "nothing_new"


def test_pictures_of_another_size_and_colour_are_made_like_the_others(tmp_path: Path) -> None:
    grey = {f"{label}/{n}.png": picture(20 * n + 9 * (label == "b") + 1) for label in "ab" for n in range(4)}
    facts = converted(tmp_path / "1", grey)
    assert facts.image_shape == (12, 12, 1)
    same = {"image_size": (12, 12), "colour": "greyscale"}
    more = {"a/large.png": encoded_noise(1, 40), "a/other.png": encoded_noise(2, 20)}
    grown = converted(tmp_path / "2", more, base_of(tmp_path / "1", facts), **same)
    assert (grown.image_shape, grown.train_per_class, grown.test_per_class) == ((12, 12, 1), (4, 3), (2, 1))
