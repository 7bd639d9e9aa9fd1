"""Finds the picture that a table means: tables name files by path or part of it, with other suffixes and letters."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from worker.datasets.upload.entry_paths import Parts
from worker.datasets.upload.picture_files import PICTURE_SUFFIXES

MOST_PARTS = 32
"""Of a path in a table."""


class PictureNames:
    """The pictures of an archive by all names that say which one is meant. Ambiguous names find nothing."""

    def __init__(self, pictures: Iterable[Parts]) -> None:
        self._by_path: dict[str, Parts] = {}
        self._by_name: dict[str, Parts | None] = {}
        self._by_lower: dict[str, Parts | None] = {}
        for parts in pictures:
            for start in range(len(parts)):
                for name in _spellings("/".join(parts[start:])):
                    _note(self._by_name, name, parts)
                    _note(self._by_lower, name.lower(), parts)
                    if start == 0:
                        self._by_path[name] = parts

    def find(self, value: str, folders: Sequence[str] = ()) -> Parts | None:
        """The picture that a cell of a table names; None when there is none, or when it may be several.

        Args:
            value: of the cell. Folders around the picture on the computer where the table was made do not matter.
            folders: where the table's pictures are, the surest first.
        """
        name = _normalised(value)
        if not name:
            return None
        for folder in folders:
            for spelling in _spellings(f"{folder}/{name}" if folder else name):
                if spelling in self._by_path:
                    return self._by_path[spelling]
        for shorter in _without_folders(name):
            for spelling in _spellings(shorter):
                for names, wanted in ((self._by_name, spelling), (self._by_lower, spelling.lower())):
                    if wanted in names:
                        return names[wanted]
        return None


def _note(names: dict[str, Parts | None], name: str, parts: Parts) -> None:
    names[name] = None if names.get(name, parts) != parts else parts


def _spellings(path: str) -> Iterator[str]:
    """A path, and the path without the suffix of a picture."""
    yield path
    suffix = PurePosixPath(path).suffix
    if suffix.casefold() in PICTURE_SUFFIXES:
        yield path.removesuffix(suffix)


def _without_folders(path: str) -> Iterator[str]:
    parts = path.split("/")[-MOST_PARTS:]
    return ("/".join(parts[start:]) for start in range(len(parts)))


def _normalised(value: str) -> str:
    return unicodedata.normalize("NFC", value.strip()).replace("\\", "/").removeprefix("./").lstrip("/")


def merged(labels: Iterable[Mapping[Parts, str]]) -> dict[Parts, str]:
    """Labels of several tables together, without the pictures that have two."""
    found: dict[Parts, str] = {}
    contradicted = set()
    for one in labels:
        for picture, label in one.items():
            if found.setdefault(picture, label) != label:
                contradicted.add(picture)
    return {picture: label for picture, label in found.items() if picture not in contradicted}
