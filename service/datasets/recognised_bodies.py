"""Bodies that do not say what they are, as scripts send them: files known by how they begin."""

from service.errors import BodyTypeUnsupported

FILE_STARTS = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PAR1", b"\x08")
"""Zip and `.keras`, gzip, bzip2, xz, Parquet, ONNX. A tar or a table begins like any text: its type must be said."""
_LONGEST = max(map(len, FILE_STARTS))


class RecognisedBody:
    """The file is the body, if it begins like one.

    Args:
        refusal: raised if it does not.
    """

    filename: str | None = None

    def __init__(self, refusal: BodyTypeUnsupported) -> None:
        self._refusal = refusal
        self._start = b""
        self._is_known = False

    def feed(self, chunk: bytes) -> bytes:
        """All bytes are the file's. Raises `BodyTypeUnsupported`."""
        if self._is_known:
            return chunk
        self._start += chunk
        if len(self._start) < _LONGEST:
            return b""
        if not self._start.startswith(FILE_STARTS):
            raise self._refusal
        self._is_known = True
        return self._start

    def finish(self) -> dict[str, str]:
        """There are no other fields."""
        return {}
