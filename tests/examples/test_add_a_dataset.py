"""Adds the built-in dataset `tiny_digits`, by the steps of CONTRIBUTING.md."""

import gzip
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.examples.copied_sources import CopiedSources
from worker.datasets.dataset import LabelledImages, fingerprint

SIDE, N_TRAIN, N_TEST = 8, 20, 10
USE = """
import json, sys
from pathlib import Path
from worker.datasets import load_dataset
from worker.datasets.loading import is_available

directory = Path(sys.argv[1])
dataset = load_dataset("tiny_digits", directory)
print(json.dumps({
    "available": is_available("tiny_digits", directory),
    "shape": dataset.train_images.shape,
    "classes": dataset.info.classes,
    "fingerprint": dataset.fingerprint,
}))
"""


def split(n: int, seed: int) -> LabelledImages:
    images = np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE, 1), np.uint8)
    return LabelledImages(images, np.arange(n, dtype=np.int64) % 2)


def idx(values: NDArray[np.uint8]) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return gzip.compress(header + values.tobytes(), mtime=0)


def write_official_files(folder: Path, train: LabelledImages, test: LabelledImages) -> str:
    """Write the four files; they as the source code of `OfficialFile`s."""
    folder.mkdir(parents=True)
    described = ""
    for prefix, pictures in (("train", train), ("t10k", test)):
        for kind, data in (
            ("images-idx3", idx(pictures.images[..., 0])),
            ("labels-idx1", idx(pictures.labels.astype(np.uint8))),
        ):
            name = f"{prefix}-{kind}-ubyte.gz"
            (folder / name).write_bytes(data)
            described += f'OfficialFile("{name}", {len(data)}, "{hashlib.sha256(data).hexdigest()}"), '
    return described


def test_a_dataset_is_added_in_three_places(sources: CopiedSources, tmp_path: Path) -> None:
    train, test = split(N_TRAIN, seed=1), split(N_TEST, seed=2)
    files = write_official_files(tmp_path / "datasets" / "tiny-digits", train, test)
    sources.insert(
        "worker/datasets/built_in.py",
        after="\n_ALL = (",
        text=f"""
    DatasetInfo(
        name="tiny_digits",
        title="Tiny digits",
        classes=("zero", "one"),
        image_shape=({SIDE}, {SIDE}, 1),
        train_per_class=({N_TRAIN // 2},) * 2,
        test_per_class=({N_TEST // 2},) * 2,
        licence="CC0",
        source="https://digits.example",
        fingerprint="{fingerprint(train, test)}",
        mean=(0.5,),
        deviation=(0.3,),
    ),""",
    )
    sources.insert(
        "worker/datasets/official.py",
        after="OFFICIAL: Mapping[str, Official] = MappingProxyType(\n    {",
        text=f"""
        "tiny_digits": Official(
            folder="tiny-digits",
            url="https://digits.example/",
            mirror_setting="CONVSERVE_TINY_DIGITS_URL",
            files=({files}),
        ),""",
    )
    sources.insert(
        "worker/datasets/loading.py",
        after="_READERS: Mapping[str, Reader] = MappingProxyType(\n    {",
        text='"tiny_digits": _read_idx_files, ',
    )
    assert json.loads(sources.run(USE, str(tmp_path / "datasets"))) == {
        "available": True,
        "shape": [N_TRAIN, SIDE, SIDE, 1],
        "classes": ["zero", "one"],
        "fingerprint": fingerprint(train, test),
    }
