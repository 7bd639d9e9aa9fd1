"""Small files in the formats of the official ones, made by hand."""

import gzip
import struct

import numpy as np
from numpy.typing import NDArray

from worker.datasets import DatasetInfo


def small_info(height: int, width: int, channels: int) -> DatasetInfo:
    """Ten training pictures and two test pictures of two classes."""
    return DatasetInfo(
        name="small",
        title="A small dataset",
        classes=("left", "right"),
        image_shape=(height, width, channels),
        train_per_class=(5, 5),
        test_per_class=(1, 1),
        licence="none",
        source="made here",
    )


def idx(values: NDArray[np.uint8], *, kind: int = 0x08) -> bytes:
    """An IDX file, not gzipped."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def idx_gz(values: NDArray[np.uint8]) -> bytes:
    """An IDX file as the official ones are."""
    return gzip.compress(idx(values))


def python2_batch(pixels: NDArray[np.uint8], labels: list[int], *, code: bytes = b"u1") -> bytes:
    """A CIFAR batch, opcode by opcode as Python 2's cPickle wrote the official ones."""
    return b"\x80\x02}(" + _text(b"data") + _array(pixels, code) + _text(b"labels") + _list(labels) + b"u."


def _array(pixels: NDArray[np.uint8], code: bytes) -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + _text(b"b") + b"tR"
    dtype = b"cnumpy\ndtype\n(" + _text(code) + b"K\x00K\x01tR(K\x03" + _text(b"|") + b"NNNJ\xff\xff\xff\xff"
    dtype += b"J\xff\xff\xff\xffK\x00tb"
    shape = b"(" + b"".join(b"J" + struct.pack("<i", side) for side in pixels.shape) + b"t"
    values = b"T" + struct.pack("<i", pixels.size) + pixels.tobytes()
    return made + b"(K\x01" + shape + dtype + b"\x89" + values + b"tb"


def _list(labels: list[int]) -> bytes:
    return b"](" + b"".join(b"J" + struct.pack("<i", label) for label in labels) + b"e"


def _text(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text
