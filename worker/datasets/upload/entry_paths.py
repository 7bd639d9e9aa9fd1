"""Takes the names of an archive apart: dangerous ones refuse it, and files that are of no use are skipped.

Names are only compared and shown; none ever becomes a path.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_directory import Entry

MAX_NAME, MAX_PART = 1024, 255
MAC_FOLDER_ICON = "Icon\r"
"""The Finder keeps a folder's icon in a file of this name, with a carriage return at its end."""

_HIDDEN = frozenset(
    {
        "__macosx",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "@eadir",
        "$recycle.bin",
        "#recycle",
        "lost+found",
        "system volume information",
    }
)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".jar"})
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})

Parts = tuple[str, ...]


@dataclass
class ArchiveFiles:
    """The files of an archive that may be of use, and its folders.

    Attributes:
        files: path and entry of each, in ascending order of paths.
        folders: every folder that is not hidden.
        archives: paths of archives inside the archive; they are never opened.
        n_guessed_names: files and folders whose names are in an unknown code page.
    """

    files: list[tuple[Parts, Entry]] = field(default_factory=list)
    folders: set[Parts] = field(default_factory=set)
    archives: list[Parts] = field(default_factory=list)
    n_guessed_names: int = 0


def sort_out(entries: Iterable[Entry], skipped: SkippedLog) -> ArchiveFiles:
    """Take the names apart, and leave out what is hidden or cannot be of use.

    Args:
        entries: of the whole archive.
        skipped: records what is left out.

    Raises:
        ArchiveRejected: a dangerous name, or one name twice.
    """
    found = ArchiveFiles()
    seen: set[Parts] = set()
    for entry in entries:
        if entry.name == "./":
            continue
        parts = path_parts(entry.name)
        hidden = is_hidden(parts)
        if not hidden:
            found.n_guessed_names += entry.is_name_guessed
            found.folders.add(parts if entry.is_folder else parts[:-1])
        if entry.is_folder:
            continue
        if parts in seen:
            raise ArchiveRejected(f"The archive has two files named {shown(entry.name)}; expected each name once.")
        seen.add(parts)
        if hidden:
            skipped.add(entry.name, "hidden")
        elif parts[-1] == MAC_FOLDER_ICON:
            skipped.add(entry.name, "folder_icon")
        elif PurePosixPath(parts[-1]).suffix.casefold() in _ARCHIVES:
            skipped.add(entry.name, "nested_archive")
            found.archives.append(parts)
        else:
            found.files.append((parts, entry))
    found.files.sort(key=lambda file: file[0])
    return found


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
    if any(unicodedata.category(character) in _CONTROL for character in _without_folder_icon(name)):
        return "has control characters"
    if len(name) > MAX_NAME or any(len(part) > MAX_PART for part in parts):
        return f"is too long (more than {MAX_NAME} characters, or {MAX_PART} in one part)"
    return None


def _without_folder_icon(name: str) -> str:
    """The name without the one control character that honest archives have."""
    is_icon = name.rpartition("/")[2] in {MAC_FOLDER_ICON, f"._{MAC_FOLDER_ICON}"}
    return name.removesuffix("\r") if is_icon else name


def is_hidden(parts: Parts) -> bool:
    """Whether a file or a folder around it is one that people do not see."""
    return any(part.startswith(".") or part.casefold() in _HIDDEN for part in parts)
