"""Which characters of a label people can read, in any script, emoji included; and what they do not see of a text."""

import unicodedata

_MARKUP = frozenset("<>")
_JOINERS = frozenset("\u200c\u200d")
_JOINER_OF_EMOJI = "\u200d"
_LOOK_LIKE_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols that are drawn as nothing: fillers of Hangul, an empty cell of Braille."""
_STAND_FOR_SOMETHING_LOST = frozenset("\ufffc\ufffd")
_REFUSED = _MARKUP | _LOOK_LIKE_NOTHING | _STAND_FOR_SOMETHING_LOST
_SELECTORS = (range(0x180B, 0x180E), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Marks that choose a form of the character before them, as names in Japan and emoji need them."""
_EMOJI = range(0x1F000, 0x1FB00)
"""Python's tables of characters may be older than some of these."""
_BLACK_FLAG, _TAGS, _LAST_TAG = "\U0001f3f4", range(0xE0020, 0xE007F), "\U000e007f"
"""The flags of England, Scotland and Wales are a black flag followed by invisible letters."""
_SCRIPTS_WITH_JOINERS = (
    range(0x0600, 0x1000),  # Arabic and its relatives, the scripts of India, Thai, Lao, Tibetan
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x18B0),  # Khmer, Mongolian
    range(0xA8E0, 0xAA80),  # extensions of Devanagari and Myanmar
    range(0xFB50, 0xFE00),  # Arabic presentation forms
    range(0xFE70, 0xFEFF),
    range(0x11000, 0x12000),  # further scripts of India
)


def is_readable(text: str, index: int) -> bool:
    """Whether a character can be part of a label, where it stands: it is seen, or changes what is seen before it."""
    character = text[index]
    if character in _JOINERS:
        return _joins_letters(text, index) or _joins_emoji(text, index)
    if _is_selector(character):
        return index > 0 and _has_forms(text[index - 1])
    if ord(character) in _TAGS or character == _LAST_TAG:
        return _is_in_flag(text, index)
    return _is_seen(character)


def seen(text: str) -> str:
    """The text without the characters in it that change the form of others: two texts may look alike without them."""
    return "".join(character for character in text if character not in _JOINERS and not _is_selector(character))


def _is_seen(character: str) -> bool:
    if character in _REFUSED:
        return False
    category = unicodedata.category(character)
    return category[0] in "LMNPS" or category == "Zs" or ord(character) in _EMOJI


def _has_forms(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNSP" and not (character.isascii() and character.isalpha())


def _is_selector(character: str) -> bool:
    return any(ord(character) in selectors for selectors in _SELECTORS)


def _joins_letters(text: str, index: int) -> bool:
    """Whether a joiner changes how a word is written; elsewhere it is invisible, and makes two labels look alike."""
    before = text[index - 1] if index else ""
    return (
        bool(before)
        and unicodedata.category(before)[0] in "LM"
        and any(ord(before) in script for script in _SCRIPTS_WITH_JOINERS)
    )


def _joins_emoji(text: str, index: int) -> bool:
    """Whether a joiner makes one picture of two, as a woman and a rocket are an astronaut."""
    before = text[:index].rstrip("\ufe0f")[-1:]
    after = text[index + 1 : index + 2]
    return text[index] == _JOINER_OF_EMOJI and _is_emoji(before) and _is_emoji(after)


def _is_emoji(character: str) -> bool:
    return bool(character) and (ord(character) in _EMOJI or unicodedata.category(character) == "So")


def _is_in_flag(text: str, index: int) -> bool:
    _, found, tags = text[: index + 1].rpartition(_BLACK_FLAG)
    rest = text[index + 1 :].lstrip("".join(map(chr, _TAGS)))
    is_closed = tags.endswith(_LAST_TAG) or rest.startswith(_LAST_TAG)
    letters = tags.removesuffix(_LAST_TAG)
    return bool(found) and is_closed and bool(letters) and all(ord(tag) in _TAGS for tag in letters)
