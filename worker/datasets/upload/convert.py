"""The converter's process: an archive in, packed arrays, facts and a contact sheet out.

The API process starts it with an order on standard input; it ends when that input is closed. The kernel bounds its
memory, since the pictures it decodes may be hostile.
"""

import errno
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from model_store.dataset_records import Phase
from model_store.free_space import has_space_for
from worker.datasets.upload.budgets import CpuBudget, limit_memory, require_affordable
from worker.datasets.upload.closed_input import end_with_input
from worker.datasets.upload.decoding import Decoded, decode_all, record_shape
from worker.datasets.upload.describing import pack_and_describe
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.findings import Findings
from worker.datasets.upload.folders import arrange
from worker.datasets.upload.foreign.as_zip import AsZip, as_zip
from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.foreign.picture_tables import tables_in, write_tables
from worker.datasets.upload.labels import MIN_CLASSES
from worker.datasets.upload.messages import Accepted, Advanced, ConversionOrder, Converted, ConverterMessage, Refused
from worker.datasets.upload.report import DatasetReport, SkippedLog
from worker.datasets.upload.surveying import OnPicture, survey
from worker.datasets.upload.zip_directory import Entry, read_directory

REPORT_EVERY_S = 0.5
TABLES_ZIP = "tables.zip"


def convert(order: ConversionOrder, link: "Link") -> None:
    """Read, decode, pack and describe.

    Raises:
        ArchiveRejected: the archive cannot become a dataset.
        OSError: the disk is full.
    """
    cpu = CpuBudget(order.limits.max_cpu_s)

    def counting(phase: Phase, total: int) -> OnPicture:
        def on_picture(done: int) -> None:
            link.advance(phase, done, total)
            cpu.check()

        return on_picture

    (path, warnings), entries = _pictures(order, counting("reading", 0))
    with path.open("rb") as archive:
        findings = _look_into(archive, entries or _entries(archive, order), order, warnings)
        link.begin(findings)
        members = findings.content.members
        found = survey(archive, members, order.limits, counting("reading", len(members)))
        require_affordable(found.declared_pixels, order.limits.max_pixels)
        shape = record_shape(order.options, found, len(members), order.limits.max_unpacked_bytes)
        decoded = Decoded(Path(order.folder) / "records.bin", shape)
        _require_free_space(decoded, len(members), order)
        decode_all(archive, findings, decoded, order.limits, counting("decoding", len(members)))
    facts = pack_and_describe(order, findings, decoded, counting("packing", len(decoded)))
    decoded.path.unlink()
    if path != Path(order.archive):
        path.unlink()
    link.send(Converted(facts=facts))


def _pictures(order: ConversionOrder, on_file: OnPicture) -> tuple[AsZip, list[Entry]]:
    """A zip of pictures, made of what was uploaded if that is something else, and its entries if they are known.

    Raises:
        ArchiveRejected: it breaks a rule.
        OSError: the disk is full.
    """
    folder = Path(order.folder)
    found = as_zip(Path(order.archive), folder, order.limits, order.options.encoding, on_file)
    with found.path.open("rb") as archive:
        entries = _entries(archive, order)
        tables = tables_in(archive, entries)
        if not tables:
            return found, entries
        target = folder / TABLES_ZIP
        with BoundedZip(target, order.limits, on_file) as zipped:
            write_tables(archive, tables, folder, zipped)
    if found.path != Path(order.archive):
        found.path.unlink()
    return found._replace(path=target), []


def _entries(archive: BinaryIO, order: ConversionOrder) -> list[Entry]:
    return read_directory(archive, order.limits.max_files, order.limits.max_unpacked_bytes, order.options.encoding)


def _look_into(archive: BinaryIO, entries: list[Entry], order: ConversionOrder, warnings: tuple[str, ...]) -> Findings:
    """What the archive's directory says. Raises `ArchiveRejected`."""
    skipped = SkippedLog()
    content = arrange(archive, entries, skipped, order.options.encoding, MIN_CLASSES if order.base is None else 1)
    content = replace(content, warnings=(*warnings, *content.warnings))
    return Findings(content, sum(not entry.is_folder for entry in entries), skipped)


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
        self._findings: Findings | None = None
        self._n_reported = 0

    def begin(self, findings: Findings) -> None:
        """Tell that the archive is accepted; from now on, messages carry what is noticed."""
        self._findings = findings
        self.send(Accepted(files=findings.n_files))

    def send(self, message: ConverterMessage) -> None:
        """Send a message."""
        self._output.write(message.model_dump_json().encode() + b"\n")
        self._output.flush()

    def advance(self, phase: Phase, done: int, total: int) -> None:
        """Report progress, at most twice a second."""
        if time.monotonic() >= self._next or done == total:
            self._next = time.monotonic() + REPORT_EVERY_S
            self.send(Advanced(phase=phase, done=done, total=total, report=self._changed_report()))

    def refuse(self, code: str, message: str, hint: str | None = None) -> None:
        """Tell that there will be no dataset, and what was noticed until then."""
        report = self._findings.report() if self._findings else None
        self.send(Refused(code=code, message=message, hint=hint, report=report))

    def _changed_report(self) -> DatasetReport | None:
        n_skipped = self._findings.skipped.counts.total() if self._findings else 0
        if self._findings is None or n_skipped == self._n_reported:
            return None
        self._n_reported = n_skipped
        return self._findings.report()


def main() -> None:
    """Entry point: an order on standard input, messages on standard output."""
    order = ConversionOrder.model_validate_json(sys.stdin.buffer.readline())
    end_with_input()
    os.nice(order.niceness)
    limit_memory(order.limits.max_memory_bytes)
    convert_or_refuse(order, Link(sys.stdout.buffer))


def convert_or_refuse(order: ConversionOrder, link: Link) -> None:
    """Convert, and tell the API process when that is impossible for a known reason."""
    try:
        convert(order, link)
    except ArchiveRejected as error:
        link.refuse(error.code, error.message, error.hint)
    except MemoryError:
        link.refuse(
            "out_of_memory",
            "The archive needs more memory than a conversion may use.",
            "Upload fewer files, or raise CONVSERVE_MAX_DATASET_MEMORY_BYTES.",
        )
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        link.refuse(
            "disk_full",
            "The server's disk has too little free space to convert the archive.",
            "Free some space, or choose a smaller `image_size`; then upload the archive again.",
        )


if __name__ == "__main__":
    main()
