"""Built-in datasets as trainers open them: from an unpacked copy where there is one, else from the official files.

Reading the official files takes 0.3 s for `fashion_mnist` and 1.2 s for `cifar10`, at the start of every job. A copy is
mapped in a millisecond, and a thread compares it with the fingerprint while the caller already builds a network: 0.04
and 0.12 s. A job that finds no copy leaves one for the next. Copies may be deleted at any time.
"""

import json
import logging
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from math import prod
from pathlib import Path

from model_store.free_space import has_space_for
from worker.datasets.built_in import DatasetInfo, dataset_info
from worker.datasets.dataset import Dataset, LabelledImages, fingerprint
from worker.datasets.download import ProgressCallback
from worker.datasets.loading import load_dataset
from worker.datasets.unpacked import SOURCES, folder_of, map_split, sources_of, write_copy

logger = logging.getLogger(__name__)

WRITER = "unpacked copy"
"""Name of the thread that leaves a copy for the next job."""


class CopyDamaged(Exception):
    """The unpacked copy of a dataset is not what was written. It is removed; the official files are to be read."""


class OpenedDataset:
    """A dataset that can be read at once, but is certainly the published one only after `confirm`.

    Attributes:
        dataset: its splits, read-only.
    """

    def __init__(self, dataset: Dataset, copy: Path | None = None) -> None:
        """Begin to compare the pictures with the fingerprint, in a thread, if they come from a copy.

        Args:
            dataset: with the fingerprint that its pictures must have.
            copy: the directory of the copy; None when the pictures are known to be right.
        """
        self.dataset = dataset
        self._copy = copy
        self._found: Future[str] | None = None
        if copy is not None:
            threads = ThreadPoolExecutor(1, "fingerprint")
            self._found = threads.submit(_fingerprint_of, dataset)
            threads.shutdown(wait=False)

    def is_intact(self) -> bool:
        """Wait until the pictures are compared. A copy that differs is removed."""
        if self._copy is None or self._found is None or self._found.result() == self.dataset.fingerprint:
            return True
        shutil.rmtree(self._copy, ignore_errors=True)
        return False

    def confirm(self) -> None:
        """Wait until the pictures are compared.

        Raises:
            CopyDamaged: they are not the published ones.
        """
        if not self.is_intact():
            raise CopyDamaged(f"the unpacked copy of {self.dataset.info.name} was damaged")


def open_built_in(
    name: str,
    datasets_dir: Path,
    on_progress: ProgressCallback | None = None,
    *,
    mirror: str | None = None,
    min_free_bytes: int = 0,
    from_copy: bool = True,
) -> OpenedDataset:
    """Open a built-in dataset, from its copy if that was made of the official files that are there now.

    Args:
        name: one of the built-in datasets.
        datasets_dir: directory of all datasets.
        on_progress: as for `load_dataset`.
        mirror: as for `load_dataset`.
        min_free_bytes: free space that a new copy must leave on the disk.
        from_copy: False reads the official files, after a copy was found to be damaged.

    Raises:
        DatasetError: like `load_dataset`.
    """
    info = dataset_info(name)
    folder = folder_of(info, datasets_dir)
    with suppress(OSError, ValueError, KeyError, TypeError):  # there is no copy, or no whole one
        copied = _mapped(info, folder, datasets_dir) if from_copy else None
        if copied is not None:
            return OpenedDataset(copied, folder)
    dataset = load_dataset(name, datasets_dir, on_progress, mirror=mirror)
    threading.Thread(target=_leave_copy, args=(dataset, datasets_dir, min_free_bytes), name=WRITER, daemon=True).start()
    return OpenedDataset(dataset)


def _mapped(info: DatasetInfo, folder: Path, datasets_dir: Path) -> Dataset | None:
    """The copy as it is, unread; None when it was made of other files or is not whole."""
    made_of = json.loads((folder / SOURCES).read_bytes())
    if made_of["files"] != sources_of(info, datasets_dir):
        return None
    expected = info.fingerprint or str(made_of["fingerprint"])
    train, test = (map_split(info, split, datasets_dir) for split in ("train", "test"))
    if train is None or test is None:
        return None
    return Dataset(info, train.images, train.labels, test.images, test.labels, expected)


def _fingerprint_of(dataset: Dataset) -> str:
    return fingerprint(
        LabelledImages(dataset.train_images, dataset.train_labels),
        LabelledImages(dataset.test_images, dataset.test_labels),
    )


def _leave_copy(dataset: Dataset, datasets_dir: Path, min_free_bytes: int) -> None:
    """Write a copy for the next job. Nothing depends on it, so that no error does any harm."""
    info = dataset.info
    try:
        size_bytes = (info.n_train + info.n_test) * (prod(info.image_shape) + 8)
        datasets_dir.mkdir(parents=True, exist_ok=True)
        if has_space_for(datasets_dir, size_bytes, min_free_bytes):
            write_copy(dataset, datasets_dir)
    except OSError as error:
        logger.info("no unpacked copy of %s is kept: %s", info.name, error.strerror or error)
