"""Spells emoji out in words: fonts for drawings have letters, and nearly no emoji."""

import re
import unicodedata

_PICTOGRAPHS = "\U0001f000-\U0001faff"
_INVISIBLE = "\u200d\ufe0e\ufe0f"
_TAGS = "\U000e0020-\U000e007f"
_EMOJI = re.compile(f"[{_PICTOGRAPHS}][{_PICTOGRAPHS}{_INVISIBLE}{_TAGS}]*")
_SELECTORS = re.compile("[\ufe0e\ufe0f]")
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_FIRST_TAG, _LAST_TAG = 0xE0020, 0xE007F
_SKIN_TONE = "EMOJI MODIFIER FITZPATRICK "


def spelled_out(text: str) -> str:
    """The text with emoji in words: `cat 🐱` becomes `cat (cat face)`, and a flag the letters of its country."""
    if text.isascii():
        return text
    return _SELECTORS.sub("", _EMOJI.sub(lambda found: f"({_words(found[0])})", text))


def _words(emoji: str) -> str:
    """Names of what a sequence of emoji is made of; letters of flags stay together."""
    names: list[str] = []
    is_spelling = False
    for character in emoji:
        letter = _letter(character)
        if letter and is_spelling:
            names[-1] += letter
        elif letter or (character not in _INVISIBLE and ord(character) != _LAST_TAG):
            names.append(letter or _name(character))
        is_spelling = bool(letter)
    return ", ".join(names)


def _letter(character: str) -> str:
    """The letter that a part of a flag stands for; empty for other characters."""
    code = ord(character)
    if code in _FLAG_LETTERS:
        return chr(ord("A") + code - _FLAG_LETTERS.start)
    return chr(code - _FIRST_TAG + ord(" ")) if _FIRST_TAG <= code < _LAST_TAG else ""


def _name(character: str) -> str:
    name = unicodedata.name(character, "").removeprefix(_SKIN_TONE).lower()
    return name or f"U+{ord(character):X}"
