"""Reads a tar archive, compressed with gzip or not, from its first byte to its last. Only plain files are read."""

import tarfile
import zlib
from pathlib import Path

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.packing_zip import BoundedZip

GZIP_MAGIC, TAR_MAGIC, TAR_MAGIC_AT = b"\x1f\x8b", b"ustar", 257


def is_tar(start: bytes) -> bool:
    """Whether a file that begins with these bytes, at least 262, is a tar archive or compressed with gzip."""
    return start.startswith(GZIP_MAGIC) or start[TAR_MAGIC_AT:].startswith(TAR_MAGIC)


def write_tar(archive: Path, target: BoundedZip, encoding: str | None) -> None:
    """Write the plain files of a tar archive; links, devices and sparse files are left out.

    Args:
        archive: the tar archive.
        target: receives the files.
        encoding: of names that are not UTF-8.

    Raises:
        ArchiveRejected: it is damaged, or beyond the limits.
        OSError: the disk has too little free space.
    """
    with archive.open("rb") as opened:
        mode = "r|gz" if opened.read(2) == GZIP_MAGIC else "r|"
    try:
        with tarfile.open(archive, mode, encoding=encoding or "utf-8", errors="replace") as members:  # type: ignore[call-overload]
            for member in members:
                if not member.isreg() or member.issparse():
                    continue
                content = members.extractfile(member)
                if content is not None:
                    target.add(member.name.removeprefix("./"), content, member.size)
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, zlib.error) as error:
        raise ArchiveRejected(f"The archive is damaged or no tar archive: {error}. Pack the folder again.") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ArchiveRejected(f"The archive is damaged: {error}. Pack the folder again.") from error
