"""Draws the sample that is part of the program from Fashion-MNIST's official files.

Run from the project's root, with the directory that holds the four official files:

    python -m worker.datasets.make_sample <directory> [--out worker/datasets/sample]

The same pictures are drawn every time, on every machine: those with the smallest SHA-256 of a seed, the split and
their position. The gzip files contain no time, so the same zlib writes the same bytes. Keep the LICENSE beside them:
Fashion-MNIST may be redistributed only with its notice.
"""

import argparse
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.datasets.built_in import DatasetInfo, dataset_info
from worker.datasets.idx import UNSIGNED_BYTE, read_idx
from worker.datasets.loading import SAMPLE

SEED = "convserve fashion_mnist_sample 1"


def make_sample(official_dir: Path, out_dir: Path) -> None:
    """Write the four files of the sample.

    Args:
        official_dir: holds the four official files.
        out_dir: receives files of the same names; must exist.

    Raises:
        DatasetCorrupt: the files are not the official ones.
        OSError: a file cannot be read or written.
    """
    whole, sample = dataset_info("fashion_mnist"), dataset_info("fashion_mnist_sample")
    _sample_split("train", whole, whole.n_train, sample.train_per_class, official_dir, out_dir)
    _sample_split("t10k", whole, whole.n_test, sample.test_per_class, official_dir, out_dir)


def _sample_split(
    prefix: str, whole: DatasetInfo, n: int, per_class: tuple[int, ...], official_dir: Path, out_dir: Path
) -> None:
    images_name, labels_name = f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"
    images = read_idx(official_dir / images_name, (n, *whole.image_shape[:2]), whole.name)
    labels = read_idx(official_dir / labels_name, (n,), whole.name)
    chosen = choose(labels, per_class, prefix)
    write_idx(out_dir / images_name, images[chosen])
    write_idx(out_dir / labels_name, labels[chosen])


def choose(labels: NDArray[np.uint8], per_class: tuple[int, ...], split: str) -> NDArray[np.intp]:
    """Positions of a balanced random choice, in the order of the official file.

    Args:
        labels: uint8, shape (n,), the class of every picture.
        per_class: how many pictures to take of each class.
        split: name of the split; makes the two draws independent.

    Returns:
        intp, shape (sum of `per_class`,), ascending.
    """
    chosen = [
        sorted(np.flatnonzero(labels == label).tolist(), key=lambda position: _lot(split, position))[:count]
        for label, count in enumerate(per_class)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.intp)


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write a gzipped IDX file whose bytes depend only on the values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, UNSIGNED_BYTE, values.ndim, *values.shape)
    with path.open("wb") as file, gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
        packed.write(header + values.tobytes())


def _lot(split: str, position: int) -> bytes:
    return hashlib.sha256(f"{SEED} {split} {position}".encode()).digest()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Draw the bundled sample from Fashion-MNIST's official files.")
    parser.add_argument("official_dir", type=Path, help="directory with the four official files")
    parser.add_argument("--out", type=Path, default=SAMPLE, help="directory to write to (default: %(default)s)")
    arguments = parser.parse_args()
    make_sample(arguments.official_dir, arguments.out)


if __name__ == "__main__":
    main()
