"""The bytes of TensorBoard's event files: scalars by epoch, and nothing else of the format.

Written here because the alternatives cost more than they give: TensorFlow's writer must not come into the API and the
worker, and `tensorboard` and `tensorboardX` bring protobuf and their own threads for two small messages. A file is a
sequence of records: length, checksum of the length, message, checksum of the message.
"""

import struct
from collections.abc import Iterator, Mapping
from datetime import datetime

from worker.jobs.records import EpochMetrics, History
from worker.protobuf import bytes_field, double_field, float_field, integer_field

PREFIX = "events.out.tfevents."
"""TensorBoard recognizes its files by this beginning of their names."""
TAGS: dict[str, str] = {
    "loss": "loss/train",
    "val_loss": "loss/validation",
    "accuracy": "accuracy/train",
    "val_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
}
"""Names of the curves; TensorBoard shows those with the same first part together."""
THROUGHPUT = "images_per_second"

_POLYNOMIAL = 0x82F63B78  # of CRC-32C, bits reversed


def beginning(at: float) -> bytes:
    """The record that every file begins with.

    Args:
        at: seconds since the epoch.
    """
    return _record(double_field(1, at) + bytes_field(3, b"brain.Event:2"))


def scalars(at: float, step: int, values: Mapping[str, float]) -> bytes:
    """A record with one value of some curves.

    Args:
        at: seconds since the epoch.
        step: number of the epoch, from 1.
        values: by the name of the curve.
    """
    summary = b"".join(
        bytes_field(1, bytes_field(1, tag.encode()) + float_field(2, value)) for tag, value in values.items()
    )
    return _record(double_field(1, at) + integer_field(2, step) + bytes_field(5, summary))


def curves_of(epoch: EpochMetrics) -> dict[str, float]:
    """The values of an epoch by the names of their curves; those that are not known are left out."""
    values = {tag: getattr(epoch, name) for name, tag in TAGS.items()}
    return {tag: value for tag, value in values.items() if value is not None}


def file_of(history: History, begun: datetime, ended: datetime) -> bytes:
    """The whole event file of a run, as if its epochs had taken equally long.

    Args:
        history: of the run.
        begun: when it began.
        ended: when it ended, or now.
    """
    return b"".join(_records(history, begun.timestamp(), ended.timestamp()))


def _records(history: History, begun: float, ended: float) -> Iterator[bytes]:
    yield beginning(begun)
    n_epochs = len(history.loss)
    for number in range(1, n_epochs + 1):
        at = begun + (ended - begun) * number / n_epochs
        yield scalars(at, number, curves_of(history.epoch(number)))


def _record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    return length + _checksum(length) + message + _checksum(message)


def _checksum(content: bytes) -> bytes:
    """CRC-32C as these files require it: rotated, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _table_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_table_entry(byte) for byte in range(256))
