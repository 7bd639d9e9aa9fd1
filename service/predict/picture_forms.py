"""Reads the pictures of a multipart form: the field `file`, once or many times, and other fields that are allowed."""

from collections.abc import Collection
from dataclasses import dataclass, field

from service.errors import TooManyPictures, UploadRejected
from service.web.multipart import FormReader

FIELD = "file"
MAX_FIELD_BYTES = 4096
"""Of a field that is no picture."""


@dataclass
class Part:
    """One file of the form.

    Attributes:
        filename: as the client gave it.
        data: the file's bytes; of a file that is too large, only the beginning.
        is_too_large: more bytes arrived than allowed.
    """

    filename: str | None = None
    data: bytearray = field(default_factory=bytearray)
    is_too_large: bool = False


class PictureForm(FormReader):
    """Keeps the pictures of a form in memory.

    Attributes:
        fields: the other fields.
    """

    def __init__(
        self, content_type: str, max_pictures: int, max_picture_bytes: int, others: Collection[str] = ()
    ) -> None:
        """Start reading.

        Args:
            content_type: the request's header, with the boundary.
            max_pictures: most parts.
            max_picture_bytes: most bytes kept of one part.
            others: names of other fields that the form may have, each once.

        Raises:
            UploadRejected: the header has no usable boundary.
        """
        super().__init__(content_type)
        self._max_pictures = max_pictures
        self.max_picture_bytes = max_picture_bytes
        self.fields: dict[str, bytes] = {}
        self._others = others
        self._field: str | None = None
        self._parts: list[Part] = []

    def finish(self) -> list[Part]:
        """The parts, once all bytes have arrived. Raises `UploadRejected`."""
        self.require_end()
        if not self._parts:
            raise UploadRejected((FIELD,), f"The form is empty; expected a field {FIELD!r} with a picture.")
        return self._parts

    def begin_part(self, name: str, filename: str | None) -> None:
        """Accept another picture. Raises `UploadRejected`, `TooManyPictures`."""
        self._field = None
        if name in self._others and name not in self.fields and filename is None:
            self._field, self.fields[name] = name, b""
            return
        if name != FIELD:
            raise UploadRejected(
                (name[:64],),
                f"The form has an unexpected field; expected only {FIELD!r} (once or many times), "
                f"got {name[:64]!r}. `model` and `top_k` go into the query.",
            )
        if len(self._parts) == self._max_pictures:
            raise TooManyPictures(self._max_pictures)
        self._parts.append(Part(filename))

    def part_data(self, data: memoryview) -> None:
        """Keep more bytes of the current picture, up to the limit."""
        if self._field is not None:
            self._keep_field(self._field, data)
            return
        part = self._parts[-1]
        n_allowed = self.max_picture_bytes - len(part.data)
        part.is_too_large |= len(data) > n_allowed
        part.data += data[:n_allowed]

    def _keep_field(self, name: str, data: memoryview) -> None:
        self.fields[name] += data
        if len(self.fields[name]) > MAX_FIELD_BYTES:
            raise UploadRejected((name,), f"The field {name!r} is too long; expected at most {MAX_FIELD_BYTES} bytes.")
