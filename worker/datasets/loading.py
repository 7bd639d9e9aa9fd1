"""Loads a built-in dataset from its directory, after downloading the files that are missing.

The result is compared with the fingerprint of the official files: a loaded dataset equals the published one pixel for
pixel, or loading fails. Uploaded datasets are loaded elsewhere.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from worker.datasets.built_in import DatasetInfo, dataset_info
from worker.datasets.cifar import read_cifar10, read_cifar100
from worker.datasets.dataset import Dataset, LabelledImages, assemble
from worker.datasets.download import ProgressCallback, download
from worker.datasets.errors import DatasetCorrupt, DatasetUnavailable
from worker.datasets.idx import read_idx
from worker.datasets.official import OFFICIAL, OfficialFile

SAMPLE = Path(__file__).parent / "sample"
Reader = Callable[[Path, DatasetInfo], tuple[LabelledImages, LabelledImages]]


def is_available(name: str, datasets_dir: Path) -> bool:
    """Whether every file of the dataset is present, so that loading needs no network.

    Raises:
        DatasetNotFound: no dataset has this name.
    """
    official = OFFICIAL.get(dataset_info(name).name)
    try:
        return official is None or not official.missing(datasets_dir)
    except PermissionError:
        return False


def load_dataset(
    name: str,
    datasets_dir: Path,
    on_progress: ProgressCallback | None = None,
    *,
    mirror: str | None = None,
) -> Dataset:
    """Read a dataset, after fetching the missing files.

    Args:
        name: one of the built-in datasets.
        datasets_dir: directory of all datasets' official files.
        on_progress: called with the progress of a download; an exception from it ends the download.
        mirror: address to download from instead of the official one: of the archive for `cifar10` and `cifar100`, of
            the directory with the four files for `fashion_mnist` and `mnist`.

    Returns:
        Both splits, read-only.

    Raises:
        DatasetNotFound: no dataset has this name.
        DatasetUnavailable: files are missing and cannot be fetched, or cannot be read.
        DatasetCorrupt: a file is not the official one.
    """
    info = dataset_info(name)
    folder = _folder_with_files(info, datasets_dir, on_progress, mirror)
    try:
        dataset = assemble(info, *_READERS[name](folder, info))
    except OSError as error:
        raise DatasetUnavailable(
            name, f"its files cannot be read: {error.strerror or error}", f"Check the permissions of {folder}."
        ) from error
    _compare(dataset, folder)
    return dataset


def _folder_with_files(
    info: DatasetInfo, datasets_dir: Path, on_progress: ProgressCallback | None, mirror: str | None
) -> Path:
    official = OFFICIAL.get(info.name)
    if official is None:
        return SAMPLE
    if not is_available(info.name, datasets_dir):
        download(info.name, official, datasets_dir, mirror=mirror, on_progress=on_progress)
    return datasets_dir / official.folder


def _read_cifar10(folder: Path, info: DatasetInfo) -> tuple[LabelledImages, LabelledImages]:
    _require_official(folder, info)
    return read_cifar10(folder, info)


def _read_cifar100(folder: Path, info: DatasetInfo) -> tuple[LabelledImages, LabelledImages]:
    _require_official(folder, info)
    return read_cifar100(folder, info)


def _require_official(folder: Path, info: DatasetInfo) -> None:
    """Open the pickles only if they are the official ones, byte for byte: any other could exhaust the memory."""
    damaged = _unofficial_files(info.name, folder)
    if damaged:
        raise DatasetCorrupt(info.name, ", ".join(damaged), "not as published; the checksum differs")


def _read_idx_files(folder: Path, info: DatasetInfo) -> tuple[LabelledImages, LabelledImages]:
    return _read_idx_split(folder, "train", info.n_train, info), _read_idx_split(folder, "t10k", info.n_test, info)


def _read_idx_split(folder: Path, prefix: str, n: int, info: DatasetInfo) -> LabelledImages:
    height, width, _ = info.image_shape
    labels_path = folder / f"{prefix}-labels-idx1-ubyte.gz"
    images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", (n, height, width), info.name)
    labels = read_idx(labels_path, (n,), info.name)
    if labels.max() >= len(info.classes):
        raise DatasetCorrupt(
            info.name, labels_path.name, f"unknown label; expected 0 to {len(info.classes) - 1}, got {labels.max()}"
        )
    return LabelledImages(images[..., np.newaxis], labels.astype(np.int64))


def _compare(dataset: Dataset, folder: Path) -> None:
    """Refuse pictures that are not the published ones: by their fingerprint or, where it is not known, by the files."""
    info = dataset.info
    if info.fingerprint == dataset.fingerprint:
        return
    damaged = ", ".join(_unofficial_files(info.name, folder))
    if info.fingerprint is not None:
        raise DatasetCorrupt(
            info.name,
            damaged or folder.name,
            f"not the official pictures and labels; expected fingerprint {info.fingerprint}, got {dataset.fingerprint}",
        )
    if damaged:
        raise DatasetCorrupt(info.name, damaged, "not as published; the checksum differs")


def _unofficial_files(name: str, folder: Path) -> list[str]:
    """Names of the files whose checksum differs from the official one."""
    official = OFFICIAL.get(name)
    return [file.name for file in (official.files if official else ()) if not _is_official(folder / file.name, file)]


def _is_official(path: Path, file: OfficialFile) -> bool:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, file.algorithm).hexdigest() == file.digest


_READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "cifar10": _read_cifar10,
        "cifar100": _read_cifar100,
        "fashion_mnist": _read_idx_files,
        "fashion_mnist_sample": _read_idx_files,
        "mnist": _read_idx_files,
    }
)
