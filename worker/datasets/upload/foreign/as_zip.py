"""Turns an upload that is no zip into one, if it is of a known kind."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from worker.datasets.upload.foreign.compression import compression_of, start_of
from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.foreign.picture_tables import is_picture_table, write_table
from worker.datasets.upload.foreign.tar_archive import is_tar, write_tar
from worker.datasets.upload.options import UploadLimits

ZIP_NAME = "pictures.zip"


class AsZip(NamedTuple):
    """A zip with what was uploaded.

    Attributes:
        path: of the zip; of the upload itself when it is no other archive and no table.
        warnings: what may not be as the uploader meant it.
    """

    path: Path
    warnings: tuple[str, ...] = ()


def as_zip(
    upload: Path, folder: Path, limits: UploadLimits, encoding: str | None, on_file: Callable[[int], None]
) -> AsZip:
    """The upload itself, or a zip with the same files if it is a tar archive or a table with pictures.

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
    start = start_of(upload)
    is_table = not start.startswith(b"PK") and is_picture_table(start)
    is_archive = not is_table and (is_tar(start) or compression_of(start) != "")
    if not is_archive and not is_table:
        return AsZip(upload)
    target = folder / ZIP_NAME
    with BoundedZip(target, limits, on_file) as zipped:
        if is_archive:
            return AsZip(target, write_tar(upload, zipped, encoding))
        write_table(upload, zipped)
    return AsZip(target)
