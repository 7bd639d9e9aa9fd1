"""Names the kind of an upload that is not supported, for the message of the refusal."""

from collections.abc import Mapping

from worker.pictures.headers import foreign_format, picture_format

START_BYTES = 512
_KINDS: Mapping[bytes, str] = {
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive; pack the folder as a zip",
    b"Rar!\x1a\x07": "a RAR archive; pack the folder as a zip",
    b"\x28\xb5\x2f\xfd": "a file compressed with Zstandard; pack the folder as a zip or .tar.gz",
    b"\x04\x22\x4d\x18": "a file compressed with LZ4; pack the folder as a zip or .tar.gz",
    b"\x1f\x8b": "a compressed file that is no tar archive",
    b"BZh": "a compressed file that is no tar archive",
    b"\xfd7zXZ\0": "a compressed file that is no tar archive",
    b"MZ": "a program; if it unpacks itself, run it and pack the folder as a zip",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "an array of NumPy",
}


def kind_of(start: bytes) -> str:
    """What a file that begins with these bytes is, in words, with what to do about it.

    Args:
        start: of the file; `START_BYTES` are enough.
    """
    known = next((words for magic, words in _KINDS.items() if start.startswith(magic)), None)
    if known is not None:
        return known
    if not start.strip(b"\0"):
        return "nothing but zeros" if start else "an empty file"
    picture = picture_format(start) or foreign_format(start)
    is_single = picture_format(start) is not None or picture in {"GIF", "TIFF", "AVIF or HEIC", "JPEG 2000"}
    return f"a single picture ({picture}); put pictures into class folders, and zip them" if is_single else picture
