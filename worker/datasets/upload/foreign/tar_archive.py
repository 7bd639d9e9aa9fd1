"""Reads a tar archive, compressed or not, from its first byte to its last. Only plain files are read."""

import tarfile
from pathlib import Path

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.compression import FAILURES, compression_of
from worker.datasets.upload.foreign.packing_zip import BoundedZip

TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
BLOCK, SUM_AT, SUM_BYTES = 512, 148, 8


def is_tar(start: bytes) -> bool:
    """Whether a file that begins with these bytes, at least 512, is a tar archive, also one older than POSIX."""
    return start[TAR_MAGIC_AT:].startswith(TAR_MAGIC) or _has_checksum(start[:BLOCK])


def _has_checksum(header: bytes) -> bool:
    """Whether a header's sum of bytes is the one that it says, its own place counting as spaces."""
    said = header[SUM_AT : SUM_AT + SUM_BYTES].strip(b" \0")
    others = sum(header) - sum(header[SUM_AT : SUM_AT + SUM_BYTES]) + SUM_BYTES * ord(" ")
    return len(header) == BLOCK and said.isdigit() and said.lstrip(b"0") == b"%o" % others


def write_tar(archive: Path, target: BoundedZip, encoding: str | None) -> tuple[str, ...]:
    """Write the plain files of a tar archive; links, devices and sparse files are left out.

    Args:
        archive: the tar archive.
        target: receives the files.
        encoding: of names that are not UTF-8.

    Returns:
        What may not be as the uploader meant it.

    Raises:
        ArchiveRejected: it is damaged, or beyond the limits.
        OSError: the disk has too little free space.
    """
    guessed = 0
    with archive.open("rb") as opened:
        mode = f"r|{compression_of(opened.read(8))}"
    try:
        with tarfile.open(archive, mode, encoding="utf-8", errors="surrogateescape") as members:  # type: ignore[call-overload]
            for member in members:
                if not member.isreg() or member.issparse():
                    continue
                content = members.extractfile(member)
                if content is not None:
                    name, is_guessed = _decoded(member.name.removeprefix("./"), encoding)
                    guessed += is_guessed
                    target.add(name, content, member.size)
    except (tarfile.TarError, UnicodeError, *FAILURES) as error:
        raise ArchiveRejected(f"The archive is damaged or no tar archive: {error}. Pack the folder again.") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ArchiveRejected(f"The archive is damaged: {error}. Pack the folder again.") from error
    return (_guess_told(guessed),) if guessed else ()


def _decoded(name: str, encoding: str | None) -> tuple[str, bool]:
    """A name whose bytes may not be UTF-8, and whether its encoding was guessed."""
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return raw.decode(encoding or "cp1252", "replace"), encoding is None


def _guess_told(n: int) -> str:
    return (
        f"{n:,} names are not UTF-8; they were read as code page 1252. If labels look wrong, upload again with the "
        "code page as `encoding`, such as cp1251, cp932 or gbk."
    )
