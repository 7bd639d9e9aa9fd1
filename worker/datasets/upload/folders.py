"""Interprets an archive's names: class folders, with or without `train/` and `test/` above them.

Names are only compared and shown; none ever becomes a path. Whether a file is a picture is not known here.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_directory import Entry

MAX_CLASSES, MIN_CLASSES = 1000, 2
MAX_LABEL = 64
MAX_NAME, MAX_PART = 1024, 255
SPLITS = {"train": False, "test": True}
"""Top folders by name, and whether they contain the test split."""

_HIDDEN = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".jar"})
_DRIVE = re.compile(r"[A-Za-z]:")
_LABEL_CHARACTERS = frozenset(" _-.,+()'&")
_EXPECTED = "expected a folder for each class with its pictures in it, or `train/` and `test/` with such folders"

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a class folder.

    Attributes:
        entry: location of its bytes.
        label: index of its class.
        is_test: whether the archive puts it into the test split; None when the archive has no splits.
    """

    entry: Entry
    label: int
    is_test: bool | None


@dataclass(frozen=True)
class Content:
    """Classes and files, as the archive's names define them.

    Attributes:
        classes: labels in ascending order.
        members: every file in a class folder, in ascending order of names.
        empty: folders where a class could be that have no such file, in ascending order.
    """

    classes: tuple[str, ...]
    members: tuple[Member, ...]
    empty: tuple[str, ...]

    @property
    def has_splits(self) -> bool:
        """The archive has `train/` and `test/` at the top."""
        return self.members[0].is_test is not None


def arrange(entries: Sequence[Entry], skipped: SkippedLog) -> Content:
    """Sort the files into classes and splits.

    Args:
        entries: of the whole archive.
        skipped: records every file that is outside the class folders, hidden, or itself an archive.

    Raises:
        ArchiveRejected: a dangerous name, or no class folders.
    """
    folders: set[Parts] = set()
    files = sorted(_files(entries, folders, skipped), key=lambda file: file[0])
    longest = max((len(parts) for parts, _ in files), default=0)
    files = _without_common_folder(files)
    n_common = longest - max((len(parts) for parts, _ in files), default=0)
    has_splits = {parts[0].casefold() for parts, _ in files if len(parts) > 1} == set(SPLITS)
    tops = sorted({parts[0] for parts, _ in files if len(parts) > 1})
    depth = 3 if has_splits else 2
    kept: list[tuple[Parts, Entry]] = []
    for parts, entry in files:
        if len(parts) == depth:
            kept.append((parts, entry))
        else:
            skipped.add(entry.name, "outside_classes" if len(parts) < depth else "too_deep")
    classes = _labels({parts[-2] for parts, _ in kept}, tops, skipped)
    index = {label: number for number, label in enumerate(classes)}
    members = (
        Member(entry, index[parts[-2]], SPLITS[parts[0].casefold()] if has_splits else None) for parts, entry in kept
    )
    place = n_common + depth - 2
    empty = {parts[place] for parts in folders if len(parts) > place} - set(classes)
    return Content(classes, tuple(members), tuple(sorted(empty)))


def _files(entries: Iterable[Entry], folders: set[Parts], skipped: SkippedLog) -> Iterator[tuple[Parts, Entry]]:
    """Files that could be pictures; adds every folder that is not hidden to `folders`."""
    seen: set[Parts] = set()
    for entry in entries:
        parts = path_parts(entry.name)
        is_hidden = any(part.startswith(".") or part.casefold() in _HIDDEN for part in parts)
        if not is_hidden:
            folders.add(parts if entry.is_folder else parts[:-1])
        if entry.is_folder:
            continue
        if parts in seen:
            raise ArchiveRejected(f"The archive has two files named {shown(entry.name)}; expected each name once.")
        seen.add(parts)
        if is_hidden:
            skipped.add(entry.name, "hidden")
        elif PurePosixPath(parts[-1]).suffix.casefold() in _ARCHIVES:
            skipped.add(entry.name, "nested_archive")
        else:
            yield parts, entry


def path_parts(name: str) -> Parts:
    """The parts of a name, in Unicode's composed form.

    Raises:
        ArchiveRejected: a name that leads outside the archive, or that people could not read.
    """
    parts = tuple(unicodedata.normalize("NFC", name.removesuffix("/")).split("/"))
    fault = _fault(name, parts)
    if fault:
        raise ArchiveRejected(f"The archive has a name that {fault}: {shown(name)}. Nothing of it was kept.")
    return parts


def _fault(name: str, parts: Parts) -> str | None:
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    if "\\" in name:
        return "has a backslash"
    if any(part in ("", ".", "..") for part in parts):
        return "leads elsewhere"
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
        return "has control characters"
    if len(name) > MAX_NAME or any(len(part) > MAX_PART for part in parts):
        return f"is too long (more than {MAX_NAME} characters, or {MAX_PART} in one part)"
    return None


def _without_common_folder(files: list[tuple[Parts, Entry]]) -> list[tuple[Parts, Entry]]:
    """Remove the single folder around everything, which people zip, and a lone `train/` inside it."""
    while True:
        tops = {parts[0] for parts, _ in files if len(parts) > 1}
        if len(tops) != 1 or not any(len(parts) > 2 for parts, _ in files):
            return files
        files = [(parts[1:] if len(parts) > 1 else parts, entry) for parts, entry in files]


def _labels(folders: set[str], tops: Sequence[str], skipped: SkippedLog) -> tuple[str, ...]:
    if not MIN_CLASSES <= len(folders) <= MAX_CLASSES:
        found = ", ".join(map(shown, tops[:8])) or "none"
        left_out = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in sorted(skipped.counts.items()))
        raise ArchiveRejected(
            f"The archive has {len(folders)} class folder{'s' * (len(folders) != 1)}; {_EXPECTED}, {MIN_CLASSES} to "
            f"{MAX_CLASSES} of them. "
            f"Folders at the top: {found}." + (f" Files left out: {left_out}." if left_out else ""),
            "too_few_classes" if len(folders) < MIN_CLASSES else "archive_rejected",
        )
    unfit = sorted(folder for folder in folders if not is_label(folder))
    if unfit:
        raise ArchiveRejected(
            f"A class folder's name cannot be a label: {', '.join(map(shown, unfit[:5]))}. Expected 1 to {MAX_LABEL} "
            "letters, digits, spaces and _-.,+()'& in any script.",
        )
    common = [folder for folder, n in Counter(folder.casefold() for folder in folders).items() if n > 1]
    if common:
        twins = sorted(folder for folder in folders if folder.casefold() == common[0])
        raise ArchiveRejected(f"Two class folders differ in case only: {', '.join(map(shown, twins))}.")
    return tuple(sorted(folders))


def is_label(text: str) -> bool:
    """Whether a folder's name can be a label: letters, marks, digits and some punctuation, no blanks at the ends."""
    return (
        0 < len(text) <= MAX_LABEL
        and text == text.strip()
        and all(character in _LABEL_CHARACTERS or unicodedata.category(character)[0] in "LMN" for character in text)
    )
