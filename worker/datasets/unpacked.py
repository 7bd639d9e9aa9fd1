"""Reads single pictures of a dataset from memory-mapped arrays, so that a reader never holds a whole dataset.

The arrays of an uploaded dataset are the copies that trainers use. Those of a built-in dataset are unpacked once from
its official files, into a directory that may be deleted at any time: `python -m worker.datasets.unpacked <dataset>
<datasets directory>` does it in a process of its own, because it reads the whole dataset.
"""

import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np

from worker.datasets.built_in import DATASETS, DatasetInfo
from worker.datasets.dataset import Dataset, LabelledImages
from worker.datasets.loading import SAMPLE, load_dataset
from worker.datasets.official import OFFICIAL
from worker.datasets.staging import is_abandoned, is_staged, staged
from worker.datasets.uploaded import FILES, FOLDER, VALIDATION_FILES, mapped

SplitName = Literal["train", "test", "validation"]
ALL_FILES = (*FILES, *VALIDATION_FILES)
UNPACKED = "unpacked"
"""Directory of the arrays of built-in datasets, inside the datasets directory."""
SOURCES = "sources.json"
"""File of a copy that tells of which official files it was made, and its fingerprint."""


def pictures_of(info: DatasetInfo, split: SplitName) -> int:
    """Number of pictures in a split; 0 when the dataset has no such split."""
    return {"train": info.n_train, "test": info.n_test, "validation": info.n_validation}[split]


def map_split(info: DatasetInfo, split: SplitName, datasets_dir: Path) -> LabelledImages | None:
    """A split as read-only memory-mapped arrays; None when there is no complete copy of it on this disk.

    Args:
        info: the dataset; its `fingerprint` names the copy.
        split: a split that has pictures.
        datasets_dir: directory of all datasets.
    """
    images_file, labels_file = (f"{split}-images.npy", f"{split}-labels.npy")
    folder = folder_of(info, datasets_dir)
    try:
        images, labels = mapped(folder / images_file), mapped(folder / labels_file)
    except (OSError, ValueError):
        return None
    n = pictures_of(info, split)
    if images.shape != (n, *info.image_shape) or images.dtype != np.uint8 or labels.shape != (n,):
        return None
    return LabelledImages(images, labels)


def folder_of(info: DatasetInfo, datasets_dir: Path) -> Path:
    """Where the arrays of a dataset are, or will be."""
    kind = UNPACKED if info.name in DATASETS else FOLDER
    return datasets_dir / kind / (info.fingerprint or info.name)


def unpack(name: str, datasets_dir: Path) -> None:
    """Write the arrays of a built-in dataset; those that another process writes at the same time count just as well.

    Raises:
        DatasetError: its official files are missing or damaged.
        OSError: the arrays cannot be written.
    """
    write_copy(load_dataset(name, datasets_dir), datasets_dir)


def write_copy(dataset: Dataset, datasets_dir: Path) -> None:
    """Write the arrays of a built-in dataset that was read from the official files in the same directory.

    Raises:
        OSError: they cannot be written.
    """
    made_of = sources_of(dataset.info, datasets_dir)
    folder = folder_of(dataset.info, datasets_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder.parent)
    with staged(folder) as incomplete:
        _write(dataset, incomplete)
        (incomplete / SOURCES).write_text(json.dumps({"fingerprint": dataset.fingerprint, "files": made_of}))
        shutil.rmtree(folder, ignore_errors=True)  # an incomplete copy, or one that was made of other files


def sources_of(info: DatasetInfo, datasets_dir: Path) -> dict[str, list[int]]:
    """Bytes and time of change, in nanoseconds, of each official file, by its name: they tell whether one was replaced.

    Raises:
        OSError: one is missing.
    """
    official = OFFICIAL.get(info.name)
    files = sorted(SAMPLE.glob("*.gz")) if official is None else official.paths(datasets_dir)
    found = {path.name: path.stat() for path in files}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in found.items()}


def _write(dataset: Dataset, folder: Path) -> None:
    splits = [
        LabelledImages(dataset.train_images, dataset.train_labels),
        LabelledImages(dataset.test_images, dataset.test_labels),
        *([] if dataset.validation is None else [dataset.validation]),
    ]
    for split, images_file, labels_file in zip(splits, ALL_FILES[::2], ALL_FILES[1::2], strict=False):
        np.save(folder / images_file, split.images)
        np.save(folder / labels_file, split.labels)


def _remove_stale(parent: Path) -> None:
    """Remove what killed processes left."""
    for folder in filter(is_staged, parent.iterdir()):
        with suppress(FileNotFoundError):  # another process may remove it at the same time
            if is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    unpack(sys.argv[1], Path(sys.argv[2]))
