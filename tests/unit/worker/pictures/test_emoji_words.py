"""Emoji in the names of classes are drawn as words."""

import pytest

from worker.pictures.drawing import shortened
from worker.pictures.emoji_words import spelled_out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", "cat"),
        ("été 猫", "été 猫"),
        ("🐱", "(cat face)"),
        ("cat 🐱!", "cat (cat face)!"),
        ("👩\u200d🚀", "(woman, rocket)"),
        ("👍🏽", "(thumbs up sign, type-4)"),
        ("🇩🇪", "(DE)"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", "(waving black flag, gbwls)"),
        ("❤\ufe0f", "❤"),
        ("क्\u200dष", "क्\u200dष"),
        ("\U0001faff", "(U+1FAFF)"),
    ],
)
def test_emoji_become_their_names(text: str, expected: str) -> None:
    assert spelled_out(text) == expected


def test_names_in_drawings_are_spelled_out() -> None:
    assert shortened("🐱", 3, 10) == "(cat face)"
