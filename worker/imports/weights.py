"""The weights of a Keras file: found in HDF5 with limits, checked, and written as plain float32 numbers.

The walk opens only what can be plain arrays: no soft or external links, no files beside this one, no virtual arrays,
no object twice, no filters but gzip and shuffle. Optimizers and everything else beside the layers is never opened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from worker.imports.errors import ImportRefused, short
from worker.imports.layer_graph import Node, WeightsPlace
from worker.imports.limits import MAX_CHUNK_BYTES, MAX_DECLARED_RATIO, MAX_OBJECTS, MAX_PARAMETERS

ROOTS = ("layers", "_layer_checkpoint_dependencies")
"""Where Keras 3, and before it tf.keras 2.13, keep the layers of a model."""
_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
_FLOATS = frozenset({"float16", "float32", "float64"})
_LONGEST_NAME = 256
_SPARE_BYTES = 2**20


@dataclass(frozen=True)
class Stored:
    """An array in the file of numbers: float32, little-endian, row by row.

    Attributes:
        offset: its first number, counted in numbers.
        shape: of the array.
    """

    offset: int
    shape: tuple[int, ...]


class NumbersFile:
    """The file of numbers, which grows array by array."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.count = 0

    def add(self, values: NDArray[Any]) -> Stored:
        """Append an array. Raises `ImportRefused` when there are too many numbers in all."""
        self.require(values.size)
        stored = Stored(self.count, tuple(values.shape))
        self.count += values.size
        np.ascontiguousarray(values, "<f4").tofile(self._file)
        return stored

    def require(self, n_more: int) -> None:
        """Raise `ImportRefused` unless so many numbers may be added."""
        if self.count + n_more > MAX_PARAMETERS:
            raise ImportRefused(f"The model has too many parameters; expected at most {MAX_PARAMETERS:,}, got more.")

    def flush(self) -> None:
        """Make everything that was added readable."""
        self._file.flush()


@dataclass
class _Group:
    """A layer, or a model: its arrays, the layers inside it, and their names by what they call themselves."""

    arrays: dict[str, h5py.Dataset]
    inner: dict[str, "_Group"]
    name: str | None = None

    def layer(self, name: str, counted: str) -> "_Group | None":
        """A layer by the name it calls itself, else by the one that Keras counts."""
        named = [group for group in self.inner.values() if group.name == name]
        return named[0] if len(named) == 1 else self.inner.get(counted)


class Weights:
    """The arrays of an HDF5 file, by layer.

    Args:
        path: of the file.
        numbers: receives the arrays that the network needs.
    """

    def __init__(self, path: Path, numbers: NumbersFile) -> None:
        self.numbers = numbers
        try:
            self._file = h5py.File(path, "r")
            self._walk = _Walk(path.stat().st_size)
            self._model = self._walk.model(self._file)
        except ImportRefused:
            raise
        except Exception as error:  # the library raises what it finds: OSError, KeyError, RuntimeError, …
            raise _unreadable(error) from error

    def take(
        self, node: Node, shapes: Sequence[tuple[int, ...]], *, or_more: bool = False
    ) -> list[NDArray[np.float32]]:
        """The arrays of a layer.

        Args:
            node: the layer.
            shapes: that they must have.
            or_more: arrays behind them are not needed.

        Raises:
            ImportRefused: there are other arrays, or they have other shapes or numbers that are not finite.
        """
        found = self._arrays(node.place)
        names = [str(number) for number in range(len(found) if or_more else len(shapes))]
        if set(names) != set(found) or len(names) < len(shapes):
            raise ImportRefused(f"{_cap(node)}: expected {len(shapes)} arrays of weights, got {len(found)}.")
        self.numbers.require(sum(prod(shape) for shape in shapes))
        return [self._read(node, found[str(number)], shape) for number, shape in enumerate(shapes)]

    def keep(self, node: Node, shapes: Sequence[tuple[int, ...]]) -> tuple[Stored, ...]:
        """The arrays of a layer as they are, in the file of numbers. Arguments and errors are those of `take`."""
        return tuple(self.numbers.add(values) for values in self.take(node, shapes))

    def count_of(self, node: Node) -> int:
        """How many arrays a layer has."""
        return len(self._arrays(node.place))

    def _arrays(self, place: WeightsPlace) -> dict[str, h5py.Dataset]:
        group: _Group | None = self._model
        for name, counted in place.levels:
            group = None if group is None else group.layer(name, counted)
        return {} if group is None else group.arrays

    def _read(self, node: Node, array: h5py.Dataset, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if array.shape != shape:
            raise ImportRefused(f"{_cap(node)}: expected weights of the shape {shape}, got {array.shape}.")
        if array.dtype.name not in _FLOATS:
            raise ImportRefused(f"{_cap(node)}: expected weights of floating-point numbers, got {array.dtype.name}.")
        try:
            values = np.asarray(array[()], dtype=np.float32)
        except Exception as error:
            raise _unreadable(error) from error
        if not np.isfinite(values).all():
            raise ImportRefused(f"{_cap(node)}: its weights are not all finite numbers.")
        return values


class _Walk:
    """Opens groups and arrays, and counts what they declare."""

    def __init__(self, file_bytes: int) -> None:
        self._most_bytes = MAX_DECLARED_RATIO * file_bytes + _SPARE_BYTES
        self._declared_bytes = 0
        self._seen: set[int] = set()

    def model(self, file: h5py.File) -> _Group:
        root = next((name for name in ROOTS if name in file), None)
        if root is None:
            raise ImportRefused("The file of weights has no layers; expected one that Keras wrote.")
        inner = dict(self._layers(self._open(file, root), 0))
        return _Group({}, inner)

    def _layers(self, group: object, depth: int) -> Iterator[tuple[str, _Group]]:
        if not isinstance(group, h5py.Group) or depth > 8:
            raise ImportRefused("The file of weights has another structure than Keras gives it.")
        for name in group:
            yield name, self._layer(self._open(group, name), depth)

    def _layer(self, group: object, depth: int) -> _Group:
        found = _Group({}, {})
        if not isinstance(group, h5py.Group):
            return found
        for name in group:
            if name == "vars":
                variables = self._open(group, name)
                found.name = _own_name(variables)
                found.arrays = dict(self._variables(variables))
            elif name in ROOTS:
                found.inner = dict(self._layers(self._open(group, name), depth + 1))
        return found

    def _variables(self, group: object) -> Iterator[tuple[str, h5py.Dataset]]:
        if not isinstance(group, h5py.Group):
            raise ImportRefused("The file of weights has another structure than Keras gives it.")
        for name in group:
            array = self._open(group, name)
            if not isinstance(array, h5py.Dataset):
                raise ImportRefused(f"The file of weights has something else than an array at {short(name)}.")
            self._check_array(array)
            yield name, array

    def _open(self, group: h5py.Group, name: str) -> object:
        link = group.get(name, getlink=True)
        if type(link) is not h5py.HardLink:
            raise ImportRefused(f"The file of weights has a link at {short(name)}; expected only plain arrays.")
        found = group[name]
        address = h5py.h5o.get_info(found.id).addr
        if address in self._seen or len(self._seen) == MAX_OBJECTS:
            raise ImportRefused(f"The file of weights has an object twice, or more than {MAX_OBJECTS:,} objects.")
        self._seen.add(address)
        return found

    def _check_array(self, array: h5py.Dataset) -> None:
        creation = array.id.get_create_plist()
        where = short(array.name)
        if array.is_virtual or creation.get_external_count():
            raise ImportRefused(f"The array {where} takes its numbers from other files; expected them in this one.")
        filters = {creation.get_filter(number)[0] for number in range(creation.get_nfilters())}
        if not filters <= _FILTERS:
            raise ImportRefused(f"The array {where} is packed by an unusual filter; expected gzip, shuffle or none.")
        if array.dtype.kind not in "fiub" or array.shape is None:
            raise ImportRefused(f"The array {where} holds no numbers.")
        if array.chunks and prod(array.chunks) * array.dtype.itemsize > MAX_CHUNK_BYTES:
            raise ImportRefused(f"The array {where} has chunks of more than {MAX_CHUNK_BYTES:,} bytes.")
        self._declared_bytes += prod(array.shape) * array.dtype.itemsize
        if self._declared_bytes > self._most_bytes:
            raise ImportRefused(
                f"The arrays declare more bytes than their file can hold; expected at most {self._most_bytes:,}."
            )


def _own_name(group: object) -> str | None:
    """The name that a layer's group has as an attribute, since Keras 3.8."""
    if not isinstance(group, h5py.Group) or "name" not in group.attrs:
        return None
    attribute = group.attrs.get_id("name")
    if attribute.get_storage_size() > _LONGEST_NAME:
        return None
    name = group.attrs["name"]
    return name if isinstance(name, str) else None


def _unreadable(error: Exception) -> ImportRefused:
    return ImportRefused(f"The file of weights cannot be read: {short(str(error), 120)}.")


def _cap(node: Node) -> str:
    text = str(node)
    return text[:1].upper() + text[1:]
