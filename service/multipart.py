"""Reads a multipart form of pictures from a stream, with a count on everything a form can be inflated with.

Only parts of the field `file` are taken; any other field ends the reading at once, and is named. Bytes go through
python-multipart's push parser, which this module hides.
"""

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.errors import TooManyPictures, UploadRejected

FIELD = "file"
MAX_BOUNDARY = 200
MAX_HEADER_BYTES = 8 * 1024
"""Of one part, names and values together."""


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


class FormReader:
    """Takes a form's bytes as they come."""

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
        self._is_complete = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._header_bytes = 0
        self._disposition = b""
        self._parser = MultipartParser(
            _boundary(content_type),
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `UploadRejected`, `TooManyPictures`."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise UploadRejected((), "The body is not a well-formed multipart form.") from error

    def finish(self) -> list[Part]:
        """The parts, once all bytes have come. Raises `UploadRejected`."""
        if not self._is_complete:
            raise UploadRejected((), "The form is incomplete; expected it to end with its closing boundary.")
        if not self._parts:
            raise UploadRejected((FIELD,), f"The form is empty; expected a field {FIELD!r} with a picture.")
        return self._parts

    def _on_part_begin(self) -> None:
        self._header_bytes = 0
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name != FIELD:
            raise UploadRejected(
                (name[:64],),
                f"The form has a field that does not belong there; expected only {FIELD!r} (once or many times), "
                f"got {name[:64]!r}. `model` and `top_k` go into the query.",
            )
        if len(self._parts) == self._max_pictures:
            raise TooManyPictures(self._max_pictures)
        filename = options.get(b"filename")
        self._parts.append(Part(None if filename is None else filename.decode("utf-8", "replace")))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1]
        room = self.max_picture_bytes - len(part.data)
        part.is_too_large |= end - start > room
        part.data += memoryview(data)[start : min(end, start + room)]

    def _on_end(self) -> None:
        self._is_complete = True

    def _count_header(self, n_bytes: int) -> None:
        self._header_bytes += n_bytes
        if self._header_bytes > MAX_HEADER_BYTES:
            raise UploadRejected(
                (), f"A part of the form has too long headers; expected at most {MAX_HEADER_BYTES} bytes, got more."
            )


def _boundary(content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > MAX_BOUNDARY:
        came = f"one of {len(boundary)} characters" if boundary else "none"
        raise UploadRejected(
            (), f"The form's Content-Type has no usable boundary; expected 1 to {MAX_BOUNDARY} characters, got {came}."
        )
    return boundary
