"""Reads a multipart form of pictures from a stream, with a count on everything a form can be inflated with.

Only parts of the field `file` are taken; any other field ends the reading at once, and is named. Delimiters are
searched with `bytes.find`, so a picture is not walked through in Python: a form with one picture of 2 kB takes 9 µs
here, and took 30 µs through python-multipart's callbacks, whose header parser still reads unusual headers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from python_multipart.multipart import parse_options_header

from service.errors import TooManyPictures, UploadRejected

FIELD = "file"
MAX_BOUNDARY = 200
MAX_HEADER_BYTES = 8 * 1024
"""Of one part, names and values together."""
USUAL_HEADER_BYTES = 512
"""Forms whose parts have longer headers are left to `FormReader`."""
_USUAL_BOUNDARY = re.compile(r"multipart/form-data; ?boundary=([A-Za-z0-9'()+_./:=?-]{1,200})")
_USUAL_DISPOSITION = re.compile(rb'form-data; name="([^"\\;]*)"(?:; filename="([^"\\]*)")?')
_FOLDED = re.compile(rb"\r?\n[ \t]")


@dataclass
class Part:
    """One file of the form.

    Attributes:
        filename: as the client gave it.
        data: the file's bytes; of one that is too large, the beginning.
        is_too_large: more bytes came than allowed.
    """

    filename: str | None = None
    data: bytearray = field(default_factory=bytearray)
    is_too_large: bool = False


def read_whole_form(content_type: str, body: bytes, max_pictures: int) -> list[tuple[str | None, bytes]] | None:
    """The files' names and bytes of an ordinary form that came whole, as `FormReader` has them; None of any other.

    Args:
        content_type: the request's header, with the boundary.
        body: the whole form.
        max_pictures: most parts.
    """
    delimiter = _usual_delimiter(content_type) if len(content_type) <= MAX_BOUNDARY else None
    if delimiter is None or not body.startswith(delimiter[2:]):
        return None
    files: list[tuple[str | None, bytes]] = []
    at = len(delimiter) - 2
    while body.startswith(b"\r\n", at) and len(files) < max_pictures:
        # The line break before the headers counts, as in `FormReader`.
        head = body.find(b"\r\n\r\n", at, at + USUAL_HEADER_BYTES)
        end = body.find(delimiter, head + 4)
        if head < 0 or end < 0:
            return None
        name, filename = _remembered_names(body[at + 2 : head])
        if name != FIELD:
            return None
        files.append((filename, body[head + 4 : end]))
        at = end + len(delimiter)
    return files if files and body.startswith(b"--", at) else None


class FormReader:
    """Takes a form's bytes as they come, in pieces of any size."""

    def __init__(self, content_type: str, max_pictures: int, max_picture_bytes: int) -> None:
        """Start reading.

        Args:
            content_type: the request's header, with the boundary.
            max_pictures: most parts.
            max_picture_bytes: most bytes kept of one part.

        Raises:
            UploadRejected: there is no boundary that can be used.
        """
        self._max_pictures = max_pictures
        self.max_picture_bytes = max_picture_bytes
        self._parts: list[Part] = []
        self._delimiter = b"\r\n--" + boundary_of(content_type)
        self._rest = bytearray(b"\r\n")  # what was not made sense of yet; the first delimiter lacks its line break
        self._step: Callable[[], bool] = self._before_first_part

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `UploadRejected`, `TooManyPictures`."""
        self._rest += chunk
        while self._step():
            pass

    def finish(self) -> list[Part]:
        """The parts, once all bytes have come. Raises `UploadRejected`."""
        if self._step != self._behind_last_part:
            raise incomplete()
        if not self._parts:
            raise UploadRejected((FIELD,), f"The form is empty; expected a field {FIELD!r} with a picture.")
        return self._parts

    # Each step takes what it can from the rest, and says whether the next step has something to look at.

    def _before_first_part(self) -> bool:
        seen = self._rest[: len(self._delimiter)]
        if not self._delimiter.startswith(seen):
            raise malformed()
        if len(seen) < len(self._delimiter):
            return False
        del self._rest[: len(seen)]
        self._step = self._behind_delimiter
        return True

    def _behind_delimiter(self) -> bool:
        if len(self._rest) < 2:
            return False
        mark = bytes(self._rest[:2])
        if mark not in (b"--", b"\r\n"):
            raise malformed()
        self._step = self._behind_last_part if mark == b"--" else self._in_headers
        return True

    def _in_headers(self) -> bool:
        # The line break before the headers is still there, so that a part without any ends its headers at once.
        end = self._rest.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES + 6)
        if end < 0:
            if len(self._rest) > MAX_HEADER_BYTES:
                raise headers_too_long()
            return False
        self._parts.append(self._part(bytes(self._rest[2:end])))
        del self._rest[: end + 4]
        self._step = self._in_data
        return True

    def _in_data(self) -> bool:
        end = self._rest.find(self._delimiter)
        # Without a delimiter, its beginning may still be at the end.
        n_bytes = max(0, len(self._rest) - len(self._delimiter) + 1) if end < 0 else end
        part = self._parts[-1]
        room = self.max_picture_bytes - len(part.data)
        part.is_too_large |= n_bytes > room
        part.data += self._rest[: min(n_bytes, room)]
        if end < 0:
            del self._rest[:n_bytes]
            return False
        del self._rest[: end + len(self._delimiter)]
        self._step = self._behind_delimiter
        return True

    def _behind_last_part(self) -> bool:
        self._rest.clear()  # what follows the form is not part of it
        return False

    def _part(self, headers: bytes) -> Part:
        name, filename = _named(headers)
        if name != FIELD:
            raise UploadRejected(
                (name[:64],),
                f"The form has a field that does not belong there; expected only {FIELD!r} (once or many times), "
                f"got {name[:64]!r}. `model` and `top_k` go into the query.",
            )
        if len(self._parts) == self._max_pictures:
            raise TooManyPictures(self._max_pictures)
        return Part(filename)


def malformed() -> UploadRejected:
    """For what is no form."""
    return UploadRejected((), "The body is not a well-formed multipart form.")


def incomplete() -> UploadRejected:
    """For a form whose end has not come."""
    return UploadRejected((), "The form is incomplete; expected it to end with its closing boundary.")


def headers_too_long() -> UploadRejected:
    """For a part with more than `MAX_HEADER_BYTES` of headers."""
    return UploadRejected(
        (), f"A part of the form has too long headers; expected at most {MAX_HEADER_BYTES} bytes, got more."
    )


def _named(headers: bytes) -> tuple[str, str | None]:
    """The field's and the file's name, from a part's headers."""
    disposition = b""
    for line in _FOLDED.sub(b" ", headers).split(b"\r\n") if headers else ():
        header, colon, value = line.partition(b":")
        if not colon or not header or header.strip() != header:
            raise malformed()
        if header.lower() == b"content-disposition":
            disposition = value.strip()
    usual = _USUAL_DISPOSITION.fullmatch(disposition)
    if usual is not None:
        name, filename = usual.groups()
    else:
        _, options = parse_options_header(disposition)
        name, filename = options.get(b"name", b""), options.get(b"filename")
    return name.decode("utf-8", "replace"), None if filename is None else filename.decode("utf-8", "replace")


@lru_cache(1024)  # of at most USUAL_HEADER_BYTES each
def _remembered_names(headers: bytes) -> tuple[str, str | None]:
    return _named(headers)


@lru_cache(256)
def _usual_delimiter(content_type: str) -> bytes | None:
    usual = _USUAL_BOUNDARY.fullmatch(content_type)
    return None if usual is None else b"\r\n--" + usual.group(1).encode()


def boundary_of(content_type: str) -> bytes:
    """The boundary that a form's Content-Type names. Raises `UploadRejected` when it can be none."""
    usual = _USUAL_BOUNDARY.fullmatch(content_type)
    if usual is not None:
        return usual.group(1).encode()
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > MAX_BOUNDARY:
        came = f"one of {len(boundary)} characters" if boundary else "none"
        raise UploadRejected(
            (), f"The form's Content-Type has no usable boundary; expected 1 to {MAX_BOUNDARY} characters, got {came}."
        )
    return boundary
