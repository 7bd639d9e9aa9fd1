"""Reads any multipart form from a stream, with a count on everything a form can be inflated with.

Bytes go through python-multipart's push parser, which this module hides.
"""

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.web.multipart import MAX_HEADER_BYTES, boundary_of, headers_too_long, incomplete, malformed


class FormParser:
    """A form's parts one after the other; what a part is good for is its heirs' business."""

    def __init__(self, content_type: str) -> None:
        """Start reading.

        Args:
            content_type: the request's header, with the boundary.

        Raises:
            UploadRejected: there is no boundary that can be used.
        """
        self._is_complete = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._header_bytes = 0
        self._disposition = b""
        self._parser = MultipartParser(
            boundary_of(content_type),
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

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises `UploadRejected`, and what the heirs' hooks raise."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise malformed() from error

    def require_end(self) -> None:
        """Raise `UploadRejected` unless the form's end has come."""
        if not self._is_complete:
            raise incomplete()

    def begin_part(self, name: str, filename: str | None) -> None:
        """A part begins: its field, and its file's name if it is a file."""
        raise NotImplementedError

    def part_data(self, data: memoryview) -> None:
        """More bytes of the part begun last."""
        raise NotImplementedError

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
        filename = options.get(b"filename")
        self.begin_part(
            options.get(b"name", b"").decode("utf-8", "replace"),
            None if filename is None else filename.decode("utf-8", "replace"),
        )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.part_data(memoryview(data)[start:end])

    def _on_end(self) -> None:
        self._is_complete = True

    def _count_header(self, n_bytes: int) -> None:
        self._header_bytes += n_bytes
        if self._header_bytes > MAX_HEADER_BYTES:
            raise headers_too_long()
