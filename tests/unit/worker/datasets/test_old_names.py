"""Names in old code pages: by Info-ZIP's Unicode field, in the code page that the uploader names, or with a warning."""

from collections.abc import Callable, Iterable

import pytest

from tests.archives import RawEntry, raw_zip, unicode_path
from tests.unit.worker.datasets.reading_archives import PNG, Reader, raw, refused, tree

OLD_NAMES = [
    ("cp932", ("猫", "犬")),
    ("cp866", ("кошка", "собака")),
    ("gbk", ("猫咪", "小狗")),
    ("cp850", ("été", "Hündin")),
    ("cp932", ("表", "ソ")),  # the second byte is a backslash
]


def old_zip(page: str, words: Iterable[str], extra: Callable[[bytes, str], bytes] = lambda old, name: b"") -> bytes:
    """Names in an old code page."""
    files = {name: (name.encode(page), data) for name, data in tree(words).items()}
    return raw_zip([RawEntry(old, data, extra(old, name)) for name, (old, data) in files.items()], system=0)


@pytest.mark.parametrize(("page", "words"), OLD_NAMES)
def test_old_names_are_read_by_the_unicode_field_or_in_the_given_code_page(
    read: Reader, page: str, words: tuple[str, str]
) -> None:
    for found in (read(old_zip(page, words, unicode_path)), read(old_zip(page, words), page)):
        assert set(found.counts) == set(words)
        assert found.content.warnings == ()


@pytest.mark.parametrize(("page", "words"), OLD_NAMES[:4])
def test_names_in_an_unknown_code_page_are_warned_about(read: Reader, page: str, words: tuple[str, str]) -> None:
    found = read(old_zip(page, words))
    assert set(found.counts) == {word.encode(page).decode("cp437") for word in words}
    (warning,) = found.content.warnings
    assert "8 names are in an old code page" in warning


def test_labels_that_an_old_code_page_made_unreadable_are_refused_with_the_way_out(read: Reader) -> None:
    refused(read, old_zip("cp1251", ("земля", "вода")), "cannot be a label.*`encoding`")


def test_a_unicode_field_of_another_name_or_without_utf8_is_ignored(read: Reader) -> None:
    words = ("été", "Hündin")
    assert set(read(old_zip("cp850", words, lambda old, _: unicode_path(old, "x/1.png", crc=1))).counts) == set(words)
    damaged = old_zip("cp850", words, lambda old, name: unicode_path(old, name)[:-3] + b"\xff\xff\xff")
    assert set(read(damaged).counts) == set(words)


def test_rules_for_paths_hold_for_the_unicode_field(read: Reader) -> None:
    evil = RawEntry(b"cat/9.png", PNG, unicode_path(b"cat/9.png", "../../9.png"))
    refused(read, raw_zip([*raw(tree(["cat", "dog"])), evil]), "leads elsewhere")


def test_a_name_that_is_said_to_be_utf8_has_no_other_one(read: Reader) -> None:
    entries = [RawEntry(old, PNG, unicode_path(old, "evil/1.png")) for old in (b"cat/1.png", b"dog/1.png")]
    assert set(read(raw_zip(entries, flags=0x800)).counts) == {"cat", "dog"}


def test_names_that_are_not_in_the_given_encoding_refuse_the_archive(read: Reader) -> None:
    refused(read, old_zip("cp850", ("été", "Hündin")), "not in the encoding 'ascii'", "ascii")
