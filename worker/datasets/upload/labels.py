"""Which texts can be labels of classes: those that people can write and read, in any script, and cannot mistake.

Refused are markup, invisible characters, characters that turn the text around, and emoji.
"""

import unicodedata
from collections.abc import Callable, Iterable

from worker.datasets.upload.errors import ArchiveRejected, shown

MAX_CLASSES, MIN_CLASSES = 1000, 2
MAX_LABEL = 64
EXPECTED_LABEL = f"1 to {MAX_LABEL} letters, digits, spaces and punctuation other than < and >, in any script"

_MARKUP = frozenset("<>")
_JOINERS = frozenset("\u200c\u200d")
_FIRST_PICTOGRAPH = 0x2190
"""Symbols below are part of texts (° © №); those from the arrows on are mostly emoji."""
_OLD_SYMBOLS = frozenset(bytes(range(0x80, 0x100)).decode("cp437"))
"""Lines and blocks among these stand for letters of other code pages: such labels are warned about, not refused."""
_SCRIPTS_WITH_JOINERS = (
    range(0x0600, 0x1000),  # Arabic and its relatives, the scripts of India, Thai, Lao, Tibetan
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x18B0),  # Khmer, Mongolian
    range(0xA8E0, 0xAA80),  # extensions of Devanagari and Myanmar
    range(0xFB50, 0xFE00),  # Arabic presentation forms
    range(0xFE70, 0xFEFF),
    range(0x11000, 0x12000),  # further scripts of India
)


def is_label(text: str) -> bool:
    """Whether a text can be a label: letters, marks, digits, punctuation and spaces, no spaces at the ends."""
    return (
        0 < len(text) <= MAX_LABEL
        and text == text.strip()
        and all(
            _is_joiner(text, index) if character in _JOINERS else _is_readable(character)
            for index, character in enumerate(text)
        )
    )


def _is_readable(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "So":
        return ord(character) < _FIRST_PICTOGRAPH or character in _OLD_SYMBOLS
    return character not in _MARKUP and (category[0] in "LMNP" or category in {"Zs", "Sc", "Sk", "Sm"})


def _is_joiner(text: str, index: int) -> bool:
    """Whether a joiner changes how a word is written; elsewhere it is invisible, and makes two labels look alike."""
    before = text[index - 1] if index else ""
    return (
        bool(before)
        and unicodedata.category(before)[0] in "LM"
        and any(ord(before) in script for script in _SCRIPTS_WITH_JOINERS)
    )


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
    visible = (character for character in label if character not in _JOINERS)
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in visible).casefold()
