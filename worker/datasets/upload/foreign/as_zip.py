"""Turns an upload that is no zip into one, if it is of a known kind."""

from collections.abc import Callable
from pathlib import Path

from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.foreign.pixel_table import is_pixel_table, write_pixel_table
from worker.datasets.upload.foreign.tar_archive import is_tar, write_tar
from worker.datasets.upload.options import UploadLimits

START_BYTES = 64 * 1024
ZIP_NAME = "pictures.zip"


def as_zip(
    upload: Path, folder: Path, limits: UploadLimits, encoding: str | None, on_file: Callable[[int], None]
) -> Path:
    """The upload itself, or a zip with the same files if it is a tar archive or a table of pixels.

    Args:
        upload: what was sent.
        folder: receives the zip.
        limits: of the upload.
        encoding: of names that are not UTF-8.
        on_file: called with the number of files written so far; it may raise.

    Raises:
        ArchiveRejected: it is damaged, or beyond the limits.
        OSError: the disk has too little free space.
    """
    with upload.open("rb") as opened:
        start = opened.read(START_BYTES)
    is_archive = is_tar(start)
    if start.startswith(b"PK") or not (is_archive or is_pixel_table(start)):
        return upload
    target = folder / ZIP_NAME
    with BoundedZip(target, limits, on_file) as zipped:
        if is_archive:
            write_tar(upload, zipped, encoding)
        else:
            write_pixel_table(upload, zipped)
    return target
