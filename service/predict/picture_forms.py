"""Reads the pictures of a multipart form: the field `file`, once or many times, and no other field."""

from dataclasses import dataclass, field

from service.errors import TooManyPictures, UploadRejected
from service.web.multipart import FormReader

FIELD = "file"


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
    """Keeps the pictures of a form in memory."""

    def __init__(self, content_type: str, max_pictures: int, max_picture_bytes: int) -> None:
        """Start reading.

        Args:
            content_type: the request's header, with the boundary.
            max_pictures: most parts.
            max_picture_bytes: most bytes kept of one part.

        Raises:
            UploadRejected: the header has no usable boundary.
        """
        super().__init__(content_type)
        self._max_pictures = max_pictures
        self.max_picture_bytes = max_picture_bytes
        self._parts: list[Part] = []

    def finish(self) -> list[Part]:
        """The parts, once all bytes have arrived. Raises `UploadRejected`."""
        self.require_end()
        if not self._parts:
            raise UploadRejected((FIELD,), f"The form is empty; expected a field {FIELD!r} with a picture.")
        return self._parts

    def begin_part(self, name: str, filename: str | None) -> None:
        """Accept another picture. Raises `UploadRejected`, `TooManyPictures`."""
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
        part = self._parts[-1]
        n_allowed = self.max_picture_bytes - len(part.data)
        part.is_too_large |= len(data) > n_allowed
        part.data += data[:n_allowed]
