"""Pictures as people have them: paths, bytes, open files, and anything that saves itself as Pillow's images do."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Protocol, TypeGuard, cast, runtime_checkable


@runtime_checkable
class SavesItself(Protocol):
    """An image of Pillow."""

    def save(self, fp: IO[bytes], format: str) -> Any:  # noqa: ANN401 - Pillow's names
        """Write the image."""


Picture = str | os.PathLike[str] | bytes | IO[bytes] | SavesItself
"""A path, the bytes of a file, an open file, or an image of Pillow."""


def named_files(pictures: Picture | Iterable[Picture]) -> list[tuple[str, bytes]]:
    """Name and bytes of each picture. Raises `OSError` when a file cannot be read."""
    several = [pictures] if is_one(pictures) else cast(Iterable[Picture], pictures)
    return [_named(picture, place) for place, picture in enumerate(several)]


def is_one(pictures: Picture | Iterable[Picture]) -> TypeGuard[Picture]:
    """Whether this is one picture; an open file could be iterated over, too."""
    return isinstance(pictures, str | os.PathLike | bytes | SavesItself) or hasattr(pictures, "read")


def _named(picture: Picture, place: int) -> tuple[str, bytes]:
    if isinstance(picture, bytes):
        return f"{place}", picture
    if isinstance(picture, str | os.PathLike):
        path = Path(picture)
        return path.name, path.read_bytes()
    if isinstance(picture, SavesItself):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return f"{place}.png", buffer.getvalue()
    name = getattr(picture, "name", None)
    return Path(name).name if isinstance(name, str) else f"{place}", picture.read()
