"""Zip archives of class folders for tests: honest ones, and the parts that hostile ones are made of."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(value: int | tuple[int, int, int], size: tuple[int, int] = (12, 12), kind: str = "PNG") -> bytes:
    """A picture of one colour; `size` is width and height."""
    mode = "L" if isinstance(value, int) else "RGB"
    return encoded(np.asarray(Image.new(mode, size, value)), kind)


def encoded_noise(seed: int, side: int = 24) -> bytes:
    """A colour picture that no other seed gives, as a PNG."""
    return encoded(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def noise(label: str, numbers: range, first: int) -> dict[str, bytes]:
    """Small pictures of one class, each with a number; `first` is the seed of number 0."""
    return {f"{label}/{number}.png": encoded_noise(first + number, 12) for number in numbers}


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    """Pixels, of one channel or three, as a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, kind)
    return buffer.getvalue()


def huge_webp(width: int, height: int) -> bytes:
    """A lossless WebP of 28 bytes with a single colour: its header says how many pixels it takes to decode it."""
    sizes = (width - 1) | (height - 1) << 14
    one_symbol_each = sum(1 << 3 + 4 * code for code in range(5))  # five simple prefix codes of one symbol
    payload = b"\x2f" + struct.pack("<I", sizes) + one_symbol_each.to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 12 + len(payload)) + b"WEBPVP8L" + struct.pack("<I", len(payload)) + payload


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive with these files, by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class RawEntry(NamedTuple):
    """One file of an archive, byte by byte.

    Attributes:
        name: as it stands in the archive.
        data: of the file.
        extra: extra fields in both headers.
    """

    name: bytes
    data: bytes
    extra: bytes = b""


def raw_zip(entries: Iterable[RawEntry], system: int = 3, flags: int = 0) -> bytes:
    """An archive of stored files as other programs write it; its end record counts modulo 65,536, as the Finder's does.

    Args:
        entries: in this order.
        system: that made it; 0 is DOS, 3 is Unix.
        flags: of every entry; 0x800 says that names are UTF-8.
    """
    local = struct.Struct("<4s5H3L2H")
    entry = struct.Struct("<4s6H3L5H2L")
    files, directory, at, n = [], [], 0, 0
    for name, data, extra in entries:
        common = (20, flags, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), len(extra))
        files.append(local.pack(b"PK\3\4", *common) + name + extra + data)
        directory.append(entry.pack(b"PK\1\2", system << 8 | 20, *common, 0, 0, 0, 0, at) + name + extra)
        at += len(files[-1])
        n += 1
    listed = b"".join(directory)
    count = n & 0xFFFF
    return b"".join(files) + listed + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), at, 0)


def unicode_path(old: bytes, name: str, crc: int | None = None) -> bytes:
    """Info-ZIP's extra field with the true name of an entry (APPNOTE 4.6.9)."""
    true = name.encode()
    return struct.pack("<HHBL", 0x7075, 5 + len(true), 1, zlib.crc32(old) if crc is None else crc) + true


def two_classes(per_class: int = 4) -> dict[str, bytes]:
    """Different pictures, dark ones and bright ones."""
    dark = {f"dark/{n}.png": picture(n + 1) for n in range(per_class)}
    return dark | {f"light/{n}.png": picture(250 - n) for n in range(per_class)}


def stripes(n: int, seed: int, size: int = 16) -> dict[str, bytes]:
    """Classes that a small network tells apart in seconds: `n` pictures each of upright and of level stripes."""
    random = np.random.default_rng(seed)
    files = {}
    for index in range(n):
        for label in ("level", "upright"):
            wave = (np.arange(size) + random.integers(8)) // 2 % 2 * 150 + random.integers(20, 80)
            noise = random.integers(-15, 15, (size, size))
            pixels = (np.broadcast_to(wave[:, None], (size, size)) + noise).clip(0, 255).astype(np.uint8)
            files[f"{label}/{index:03d}.png"] = encoded(pixels if label == "level" else pixels.T)
    return files


def with_mode(name: str, mode: int) -> bytes:
    """Two classes and one member of another kind, such as a symbolic link."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, data in two_classes().items():
            archive.writestr(file, data)
        entry = zipfile.ZipInfo(name)
        entry.create_system = 3
        entry.external_attr = (mode | 0o644) << 16
        archive.writestr(entry, b"/etc/passwd")
    return buffer.getvalue()


LINK, PIPE, DEVICE = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR


def patched_directory(archive: bytes, offset: int, form: str, value: int, member: int = 0) -> bytes:
    """The archive with one number of a member's entry in the directory changed.

    Args:
        archive: to be changed.
        offset: of the number in the entry, such as 24 for the size (ZIP specification 4.3.12).
        form: of the number, as `struct` writes it.
        value: instead of what is there.
        member: which entry.
    """
    data = bytearray(archive)
    struct.pack_into(form, data, _nth(archive, b"PK\1\2", member) + offset, value)
    return bytes(data)


def patched_end(archive: bytes, offset: int, form: str, value: int) -> bytes:
    """The archive with one number of its end record changed (4.3.16)."""
    data = bytearray(archive)
    struct.pack_into(form, data, archive.rindex(b"PK\5\6") + offset, value)
    return bytes(data)


def with_name(archive: bytes, old: bytes, new: bytes, *, only_directory: bool = False) -> bytes:
    """The archive with a name replaced by another of the same length."""
    assert len(old) == len(new)
    if not only_directory:
        return archive.replace(old, new)
    start = archive.index(b"PK\1\2")
    return archive[:start] + archive[start:].replace(old, new)


def with_zip64_end(archive: bytes, n_entries: int | None = None) -> bytes:
    """The archive with a 64-bit end record before its own (4.3.14), which may announce another number of entries."""
    at = archive.rindex(b"PK\5\6")
    n_files, size, start = struct.unpack_from("<H2L", archive, at + 10)
    n_said = n_files if n_entries is None else n_entries
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, n_said, n_said, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return archive[:at] + end + locator + archive[at:]


def streamed(files: Mapping[str, bytes]) -> bytes:
    """An archive written to a pipe: sizes and checksums stand behind the files."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return pipe.getvalue()


def many_empty_files(n: int, n_said: int | None = None) -> bytes:
    """An archive of so many empty files in two class folders, which may announce another number of them."""
    names = [b"%s/%d" % (b"dark" if number % 2 else b"light", number) for number in range(n)]
    local = struct.Struct("<4s5H3L2H")
    entry = struct.Struct("<4s6H3L5H2L")
    files, directory, at = [], [], 0
    for name in names:
        files.append(local.pack(b"PK\3\4", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name)
        directory.append(entry.pack(b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, at) + name)
        at += len(files[-1])
    listed = b"".join(directory)
    n_said = n if n_said is None else n_said
    few = min(n_said, 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, len(listed), at, 0)
    return with_zip64_end(b"".join(files) + listed + end, n_said)


def _nth(data: bytes, wanted: bytes, n: int) -> int:
    at = data.index(wanted)
    for _ in range(n):
        at = data.index(wanted, at + 1)
    return at
