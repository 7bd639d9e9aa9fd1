"""Which texts can be labels of classes, and which of them are easily mistaken for each other."""

# ruff: noqa: RUF001 - letters of other scripts are meant

import pytest

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.labels import check_labels, is_label


@pytest.mark.parametrize(
    "label",
    [
        "می\u200cخواهم",
        "क्\u200dष",
        "അവന്\u200d",
        "l’œil",
        "née “x”",
        "yes!",
        "a=b; 50%",
        "20 °C",
        "№ 5",
        "名前　二",
        '"x"',
        "a|b?",
        "⠓⠊",
        "葛\U000e0100",
        "ᠮᠣᠩ\u180b",
        "a" * 200,
    ],
)
def test_labels_are_accepted_in_any_script_with_punctuation(label: str) -> None:
    assert is_label(label)


FLAG_OF_WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


@pytest.mark.parametrize(
    "label",
    [
        "🐱",
        "cat 🐱",
        "👩\u200d🚀",
        "🏳\ufe0f\u200d🌈",
        "🧑🏽\u200d🚒",
        "🇩🇪",
        "1\ufe0f\u20e3",
        "❤\ufe0f",
        "▶ x",
        "🫩",
        FLAG_OF_WALES,
    ],
)
def test_emoji_are_accepted_with_what_they_are_made_of(label: str) -> None:
    assert is_label(label)


@pytest.mark.parametrize(
    "label",
    [
        *("cat\u200d", "c\u200cat", "\u200dक", "क\u200d\u200d", "a<b", "x\u202ey", "\ue000"),
        *("🐱\u200d", "🐱\u200dx", "🐱\u200c🐶", "x\U000e0067", FLAG_OF_WALES[:-1], FLAG_OF_WALES + "\U000e0067"),
        *("\u3164", "x\u2800y", "\ufe0f", "cat\ufe0f", "a\ufffd", "a" * 201),
    ],
)
def test_characters_that_are_invisible_or_mislead_are_refused(label: str) -> None:
    assert not is_label(label)


@pytest.mark.parametrize(
    "twins", [("a b", "a\u00a0b"), ("Straße", "strasse"), ("می\u200cخواهم", "میخواهم"), ("❤", "❤\ufe0f")]
)
def test_labels_that_look_alike_are_refused(twins: tuple[str, str]) -> None:
    with pytest.raises(ArchiveRejected, match="Two classes"):
        check_labels(twins, "A class folder's name")
