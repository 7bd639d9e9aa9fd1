"""The converter's process: an archive in, packed arrays, facts and a contact sheet out.

The API process starts it with an order on standard input; it ends when that input is closed. The kernel bounds its
memory, since the pictures it decodes may be hostile.
"""

import errno
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from model_store.dataset_records import Phase
from model_store.free_space import has_space_for
from worker.datasets.upload.decoding import Decoded, choose_shape, decode_all
from worker.datasets.upload.describing import pack_and_describe
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.folders import arrange
from worker.datasets.upload.messages import Accepted, Advanced, ConversionOrder, Converted, ConverterMessage, Refused
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_directory import read_directory

REPORT_EVERY_S = 0.5
MAX_MEMORY_BYTES = 2 * 1024**3


def convert(order: ConversionOrder, link: "Link") -> None:
    """Read, decode, pack and describe.

    Raises:
        ArchiveRejected: the archive cannot become a dataset.
        OSError: the disk is full.
    """
    skipped = SkippedLog()
    with Path(order.archive).open("rb") as archive:
        entries = read_directory(archive, order.limits.max_files, order.limits.max_unpacked_bytes)
        n_files = sum(not entry.is_folder for entry in entries)
        content = arrange(entries, skipped)
        del entries
        link.send(Accepted(files=n_files))
        n_members = len(content.members)
        shape = choose_shape(
            archive, content, order.options, order.limits, lambda done: link.advance("reading", done, n_members)
        )
        decoded = Decoded(Path(order.folder) / "records.bin", shape)
        _require_free_space(decoded, n_members, order)
        decode_all(
            archive, content, decoded, order.limits, skipped, lambda done: link.advance("decoding", done, n_members)
        )
    facts = pack_and_describe(
        order, content, decoded, n_files, skipped, lambda done: link.advance("packing", done, len(decoded))
    )
    decoded.path.unlink()
    link.send(Converted(facts=facts))


def _require_free_space(decoded: Decoded, n_pictures: int, order: ConversionOrder) -> None:
    """Raise unless the disk has space for records and arrays, which exist at the same time for a while."""
    height, width, channels = decoded.shape
    needed = height * width * channels * n_pictures
    if needed > order.limits.max_unpacked_bytes:
        raise ArchiveRejected(
            f"The dataset would be too large; expected at most {order.limits.max_unpacked_bytes:,} bytes of pixels, "
            f"got {n_pictures:,} pictures of {height} x {width}. Choose a smaller `image_size`.",
        )
    if not has_space_for(Path(order.folder), 2 * needed, order.limits.min_free_bytes):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Link:
    """Sends messages to the API process."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._next = 0.0

    def send(self, message: ConverterMessage) -> None:
        """Send a message."""
        self._output.write(message.model_dump_json().encode() + b"\n")
        self._output.flush()

    def advance(self, phase: Phase, done: int, total: int) -> None:
        """Report progress, at most twice a second."""
        if time.monotonic() >= self._next or done == total:
            self._next = time.monotonic() + REPORT_EVERY_S
            self.send(Advanced(phase=phase, done=done, total=total))


def main() -> None:
    """Entry point: an order on standard input, messages on standard output."""
    order = ConversionOrder.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_api, daemon=True).start()
    os.nice(order.niceness)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    link = Link(sys.stdout.buffer)
    try:
        convert(order, link)
    except ArchiveRejected as error:
        link.send(Refused(code=error.code, message=error.message))
    except MemoryError:
        link.send(Refused(code="out_of_memory", message="The archive needs more memory than a conversion may use."))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        link.send(
            Refused(
                code="disk_full",
                message="The server's disk has too little free space to convert the archive.",
                hint="Free some space, or choose a smaller `image_size`; then upload the archive again.",
            )
        )


def _end_with_the_api() -> None:
    while os.read(0, 1024):  # not through sys.stdin, whose lock would block an orderly exit
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
