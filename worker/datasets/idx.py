"""Reads IDX files, the format of MNIST and its successors: a big-endian header, then the bare values, gzipped.

The caller says which shape it expects, and a file of any other shape is refused before its values are read; so a
hostile header cannot ask for memory. Knows nothing of classes or splits.
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
"""Type code of the only kind of values that these datasets hold; see http://yann.lecun.com/exdb/mnist/."""


def read_idx(path: Path, shape: tuple[int, ...], dataset: str) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes.

    Args:
        path: the .gz file.
        shape: what the header must say.
        dataset: name for the error.

    Returns:
        uint8, of the given shape, read-only.

    Raises:
        DatasetCorrupt: not a whole gzip file, another header, too few or too many values.
        OSError: the file cannot be read at all.
    """
    n_values = math.prod(shape)
    try:
        with gzip.open(path) as file:
            _check_header(file.read(4 + 4 * len(shape)), shape)
            # One more than expected: shows surplus values, and makes gzip compare its checksum at the end.
            values = file.read(n_values + 1)
        if len(values) != n_values:
            came = len(values) if len(values) < n_values else "more"
            raise ValueError(f"wrong number of values; expected {n_values}, came {came}")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetCorrupt(dataset, path.name, f"not a whole gzip file ({error})") from error
    except ValueError as error:
        raise DatasetCorrupt(dataset, path.name, str(error)) from error
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _check_header(header: bytes, shape: tuple[int, ...]) -> None:
    expected = struct.pack(f">BBBB{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)
    if len(header) < len(expected):
        raise ValueError(f"header is cut short; expected {len(expected)} bytes, came {len(header)}")
    if header[:4] != expected[:4]:
        raise ValueError(
            f"not an IDX file of such values; expected magic {expected[:4].hex()}, came {header[:4].hex()}"
        )
    if header != expected:
        came = struct.unpack(f">{len(shape)}I", header[4:])
        raise ValueError(f"wrong shape; expected {shape}, came {came}")
