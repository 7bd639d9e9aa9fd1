"""Reads IDX files, the format of MNIST and its successors: a big-endian header, then the raw values, gzipped.

The caller gives the expected shape, and a file of any other shape is refused before its values are read, so that a
hostile header cannot ask for memory. This module knows neither classes nor splits.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.datasets.errors import DatasetCorrupt

UNSIGNED_BYTE = 0x08
"""Type code of the only type of values in these datasets; see http://yann.lecun.com/exdb/mnist/."""


def read_idx(path: Path, shape: tuple[int, ...], dataset: str) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes.

    Args:
        path: the .gz file.
        shape: the shape that the header must state.
        dataset: name of the dataset, for errors.

    Returns:
        uint8, of the given shape, read-only.

    Raises:
        DatasetCorrupt: the gzip file is incomplete, the header differs, or there are too few or too many values.
        OSError: the file cannot be read at all.
    """
    n_values = math.prod(shape)
    try:
        with gzip.open(path) as file:
            _check_header(file.read(4 + 4 * len(shape)), shape)
            # One more than expected: detects surplus values, and makes gzip verify its checksum at the end.
            values = file.read(n_values + 1)
        if len(values) != n_values:
            found = len(values) if len(values) < n_values else "more"
            raise ValueError(f"wrong number of values; expected {n_values}, got {found}")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetCorrupt(dataset, path.name, f"not a complete gzip file ({error})") from error
    except ValueError as error:
        raise DatasetCorrupt(dataset, path.name, str(error)) from error
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _check_header(header: bytes, shape: tuple[int, ...]) -> None:
    expected = struct.pack(f">BBBB{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)
    if len(header) < len(expected):
        raise ValueError(f"truncated header; expected {len(expected)} bytes, got {len(header)}")
    if header[:4] != expected[:4]:
        raise ValueError(f"not an IDX file of such values; expected magic {expected[:4].hex()}, got {header[:4].hex()}")
    if header != expected:
        found = struct.unpack(f">{len(shape)}I", header[4:])
        raise ValueError(f"wrong shape; expected {shape}, got {found}")
