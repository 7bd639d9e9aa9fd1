"""Which texts can be labels of classes: those that people can write and read, in any script, and cannot mistake.

Refused are markup, invisible characters, and characters that turn the text around.
"""

import unicodedata
from collections.abc import Callable, Iterable

from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.label_characters import is_readable, seen

MAX_CLASSES, MIN_CLASSES = 1000, 2
MAX_LABEL = 200
EXPECTED_LABEL = (
    f"1 to {MAX_LABEL} letters, digits, emoji, spaces and punctuation other than < and >, in any script, "
    "without invisible characters"
)


def is_label(text: str) -> bool:
    """Whether a text can be a label: letters, marks, digits, punctuation, emoji and spaces, no spaces at the ends."""
    if not 0 < len(text) <= MAX_LABEL or text != text.strip():
        return False
    return all(is_readable(text, index) for index in range(len(text)))


def check_labels(labels: Iterable[str], where: str) -> tuple[str, ...]:
    """The labels in ascending order. Some may differ in the case of letters only: `case_twins` names them.

    Args:
        labels: each once; their number is not checked.
        where: what they were read from, to begin the message: "A class folder's name".

    Raises:
        ArchiveRejected: one cannot be a label, or two look the same.
    """
    found = sorted(labels)
    unfit = [label for label in found if not is_label(label)]
    if unfit:
        raise ArchiveRejected(
            f"{where} cannot be a label: {', '.join(map(shown, unfit[:5]))}. Expected {EXPECTED_LABEL}."
        )
    for twins in _groups(found, _look):
        if len({label.lower() for label in twins}) > 1:
            raise ArchiveRejected(f"Two classes look the same: {', '.join(map(shown, twins))}.")
    return tuple(found)


def case_twins(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Labels that differ in the case of letters only, together."""
    return [tuple(twins) for twins in _groups(sorted(labels), str.lower)]


def _groups(labels: Iterable[str], key: Callable[[str], str]) -> list[list[str]]:
    """The labels that share a key with another one."""
    found: dict[str, list[str]] = {}
    for label in labels:
        found.setdefault(key(label), []).append(label)
    return [group for group in found.values() if len(group) > 1]


def _look(label: str) -> str:
    """What people see of a label: equal for labels that are easily mistaken for each other."""
    return "".join(
        " " if unicodedata.category(character) == "Zs" else character for character in seen(label)
    ).casefold()
