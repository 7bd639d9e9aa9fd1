"""Facts and arrays of uploaded datasets, in the same form as those of built-in datasets.

Uploaded datasets are stored packed in the model store. A trainer copies one to a directory named by its fingerprint
inside the datasets directory, once, and compares the copy with the fingerprint at every use. Archives and HTTP are
handled elsewhere.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store import (
    ConversionStatus,
    DatasetDamaged,
    DatasetManifest,
    DatasetMissing,
    DatasetStore,
    InvalidName,
    StoreUnavailable,
)
from worker.datasets.built_in import DATASETS, DatasetInfo
from worker.datasets.dataset import Dataset, LabelledImages, assemble
from worker.datasets.errors import DatasetCorrupt, DatasetError, DatasetNotFound, DatasetNotReady, DatasetUnavailable
from worker.datasets.staging import is_abandoned, is_staged, staged

FILES = ("train-images.npy", "train-labels.npy", "test-images.npy", "test-labels.npy")
"""Files of a packed dataset, in the order of its fingerprint."""
VALIDATION_FILES = ("validation-images.npy", "validation-labels.npy")
"""Files of a validation split, which few archives have; they end the fingerprint."""
MOST_DIGITS = 8
FOLDER = "uploaded"
"""Directory of the copies inside the datasets directory; it can be deleted at any time."""


def reference_to(name: str, version: int | None) -> str:
    """How `find_dataset` is told which version is meant: `pets/2`; the newest one is `pets`."""
    return name if version is None else f"{name}/{version}"


def find_dataset(name: str, store: DatasetStore) -> DatasetInfo:
    """What is known about a dataset, built in or uploaded.

    Args:
        name: of the dataset, or of one of its versions: `pets/2`.
        store: has the uploaded datasets.

    Raises:
        DatasetNotFound: no dataset has this name.
        DatasetNotReady: the conversion is still running or has failed.
        DatasetCorrupt: the manifest is damaged.
        StoreUnavailable: the store does not answer.
    """
    if name in DATASETS:
        return DATASETS[name]
    plain, _, version = name.partition("/")
    if not version:
        return info_of(_manifest(name, store))
    if plain in DATASETS or not (version.isdecimal() and len(version) < MOST_DIGITS):
        raise DatasetNotFound(name, [f"{plain} without a version"])
    return info_of(_manifest(plain, store, int(version)))


def info_of(manifest: DatasetManifest) -> DatasetInfo:
    """An uploaded dataset's facts, in the form used for built-in datasets."""
    return DatasetInfo(
        name=manifest.name,
        version=manifest.version,
        title=manifest.title,
        classes=manifest.classes,
        image_shape=manifest.image_shape,
        train_per_class=manifest.train_per_class,
        test_per_class=manifest.test_per_class,
        validation_per_class=manifest.validation_per_class,
        licence=manifest.licence,
        source=manifest.source,
        fingerprint=manifest.fingerprint,
        mean=manifest.mean,
        deviation=manifest.deviation,
    )


def array_files(validation_per_class: Sequence[int] | None) -> tuple[str, ...]:
    """Names of the files with a packed dataset's arrays, in the order of its fingerprint."""
    return FILES if validation_per_class is None else (*FILES, *VALIDATION_FILES)


def load_uploaded(
    name: str,
    store: DatasetStore,
    datasets_dir: Path,
    on_bytes: Callable[[int, int], None] | None = None,
    version: int | None = None,
) -> Dataset:
    """Both splits of an uploaded dataset, as read-only memory-mapped arrays: only pictures that are read use memory.

    Args:
        name: name of the dataset.
        store: holds the packed dataset.
        datasets_dir: receives the copy.
        on_bytes: called with the number of bytes copied and the number of bytes in total.
        version: of the dataset; by default the newest one.

    Raises:
        DatasetNotFound, DatasetNotReady: there is no such dataset, or it is not ready.
        DatasetCorrupt: the stored bytes are not the published ones.
        DatasetUnavailable: the store does not answer, or the copy cannot be written.
    """
    try:
        manifest = _manifest(name, store, version)
        folder = datasets_dir / FOLDER / manifest.fingerprint
        try:
            return _opened(manifest, folder)
        except (OSError, ValueError, DatasetCorrupt):
            # There is no copy yet, or the disk has damaged it: take a new one from the store.
            shutil.rmtree(folder, ignore_errors=True)
            _copy(manifest, store, folder, on_bytes)
            return _opened(manifest, folder)
    except DatasetDamaged as error:
        raise DatasetCorrupt(name, error.file, error.reason, UPLOAD_AGAIN) from error
    except StoreUnavailable as error:
        raise DatasetUnavailable(name, "the model store does not answer", "See GET /readyz for details.") from error
    except OSError as error:
        raise DatasetUnavailable(
            name,
            f"its copy cannot be written: {error.strerror or error}",
            f"Check the free space and the permissions of {datasets_dir}.",
        ) from error


FindDataset = Callable[[str], DatasetInfo]
"""Looks a dataset up by name, as `find_dataset` does; raises what it raises."""
UPLOAD_AGAIN = "Delete the dataset with DELETE /datasets/{name}, and upload it again."


def _manifest(name: str, store: DatasetStore, version: int | None = None) -> DatasetManifest:
    try:
        found = store.find(name) if version is None else store.manifest(name, version)
    except InvalidName as error:
        raise DatasetNotFound(name, DATASETS) from error
    except DatasetMissing as error:
        raise DatasetNotFound(reference_to(name, version), _versions(name, store)) from error
    except DatasetDamaged as error:
        raise DatasetCorrupt(name, error.file, error.reason, UPLOAD_AGAIN) from error
    if isinstance(found, DatasetManifest):
        return found
    raise _reason_for_absence(name, store, found)


def _versions(name: str, store: DatasetStore) -> list[str]:
    return [reference_to(name, manifest.version) for manifest in store.versions(name)] or [*DATASETS]


def _reason_for_absence(name: str, store: DatasetStore, status: ConversionStatus | None) -> DatasetError:
    if status is None:
        known = [found for found in store.names() if store.is_published(found)]
        return DatasetNotFound(name, [*DATASETS, *known])
    seen = status.as_seen(datetime.now(UTC))
    if seen.error is not None:
        return DatasetNotReady(name, f"its conversion failed ({seen.error.code}): {seen.error.message}")
    return DatasetNotReady(name, f"it is still being converted ({seen.phase}, {seen.done} of {seen.total} files)")


def _copy(
    manifest: DatasetManifest, store: DatasetStore, folder: Path, on_bytes: Callable[[int, int], None] | None
) -> None:
    """Copy the arrays to a temporary directory, then rename it; a copy that another process made first is kept."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_unused(folder.parent, store)
    files = array_files(manifest.validation_per_class)
    total, done = sum(manifest.files[file].size_bytes for file in files), 0
    with staged(folder) as incomplete:
        for file in files:
            with (incomplete / file).open("wb") as target:
                for chunk in store.stream(manifest, file):
                    target.write(chunk)
                    done += len(chunk)
                    if on_bytes:
                        on_bytes(done, total)


def _remove_unused(copies: Path, store: DatasetStore) -> None:
    """Free space: remove copies of deleted datasets, and incomplete copies that killed processes left.

    The copies are listed before the store, so that a dataset that is published and copied in between is not removed.
    A training that still reads a removed copy keeps its memory-mapped pages.
    """
    found = list(copies.iterdir())
    used = {manifest.fingerprint for name in store.names() for manifest in store.versions(name)}
    for folder in found:
        with suppress(FileNotFoundError):  # another process may remove it at the same time
            if is_abandoned(folder) if is_staged(folder) else folder.name not in used:
                shutil.rmtree(folder, ignore_errors=True)


def _opened(manifest: DatasetManifest, folder: Path) -> Dataset:
    arrays = [mapped(folder / file) for file in array_files(manifest.validation_per_class)]
    splits = [LabelledImages(images, labels) for images, labels in zip(arrays[::2], arrays[1::2], strict=True)]
    dataset = assemble(info_of(manifest), *splits)
    if dataset.fingerprint != manifest.fingerprint:
        raise DatasetCorrupt(
            manifest.name,
            "its arrays",
            f"expected fingerprint {manifest.fingerprint}, got {dataset.fingerprint}",
            UPLOAD_AGAIN,
        )
    return dataset


def mapped(path: Path) -> NDArray[Any]:
    """A memory-mapped file as a plain read-only `ndarray`. Raises `OSError` and `ValueError`."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except EOFError as error:  # empty, as files may be after a loss of power
        raise ValueError(f"{path.name} is empty") from error
    return array.view(np.ndarray)
