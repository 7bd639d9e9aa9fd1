"""Which archives are refused, and why; and that the others are read as they are."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.archives import (
    DEVICE,
    LINK,
    PIPE,
    many_empty_files,
    patched_directory,
    patched_end,
    picture,
    two_classes,
    with_mode,
    with_name,
    zipped,
)
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.folders import Content, arrange
from worker.datasets.upload.labels import is_label
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_directory import read_directory
from worker.datasets.upload.zip_file import read_file

MIB = 1024 * 1024
Reader = Callable[..., tuple[Content, SkippedLog, dict[str, bytes]]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads an archive as the converter does: directory, folders, every member's bytes."""

    def read_archive(
        data: bytes, max_files: int = 1000, max_unpacked: int = 16 * MIB
    ) -> tuple[Content, SkippedLog, dict[str, bytes]]:
        path = tmp_path / "archive.zip"
        path.write_bytes(data)
        skipped = SkippedLog()
        with path.open("rb") as file:
            content = arrange(file, read_directory(file, max_files, max_unpacked), skipped)
            return content, skipped, {m.entry.name: read_file(file.fileno(), m.entry) for m in content.members}

    return read_archive


def refused(read: Reader, data: bytes, because: str) -> None:
    with pytest.raises(ArchiveRejected, match=because):
        read(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_honest_archive_is_read_byte_for_byte(read: Reader, method: int) -> None:
    files = two_classes()
    content, skipped, data = read(zipped(files, method))
    assert content.classes == ("dark", "light")
    assert not content.has_split("test")
    assert data == files
    assert not skipped.counts


def test_train_and_test_below_one_folder_around_everything(read: Reader) -> None:
    files = {f"My Pets/{split}/{name}": data for split in ("Train", "test") for name, data in two_classes().items()}
    content, _, _ = read(zipped(files | {"My Pets/readme.txt": b"hello"}))
    assert content.has_split("test")
    assert content.classes == ("dark", "light")
    assert [member.split for member in content.members].count("test") == 8


def test_train_alone_is_a_folder_like_any_other(read: Reader) -> None:
    content, _, _ = read(zipped({f"pets/train/{name}": data for name, data in two_classes().items()}))
    assert content.classes == ("dark", "light")
    assert not content.has_split("test")


def test_what_is_hidden_or_misplaced_is_skipped_and_reported(read: Reader) -> None:
    odd = {
        "__MACOSX/dark/._1.png": b"x",
        "dark/.DS_Store": b"x",
        ".git/config": b"x",
        "light/Thumbs.db": b"x",
        "notes.txt": b"x",
        "dark/more/deeper.png": picture(9),
        "light/inner.zip": zipped(two_classes()),
    }
    content, skipped, _ = read(zipped(two_classes() | odd))
    assert content.classes == ("dark", "light")
    assert dict(skipped.counts) == {"hidden": 4, "outside_classes": 1, "too_deep": 1, "nested_archive": 1}
    assert {line.file for line in skipped.listed} == {"notes.txt", "dark/more/deeper.png", "light/inner.zip"}


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.png",
        "/etc/evil.png",
        "dark/../../evil.png",
        "dark/./evil.png",
        "dark//evil.png",
        "C:/evil.png",
        "C:evil.png",
        "..",
        "dark/" + "x" * 300 + ".png",
        "dark/" + "x/" * 2000 + "y.png",
        "dark/new\nline.png",
        "dark/\u2028.png",
    ],
)
def test_a_name_that_no_honest_archive_has_refuses_it_whole(read: Reader, name: str) -> None:
    refused(read, zipped(two_classes() | {name: picture(5)}), "has a name that")


def test_backslashes_and_null_characters_are_refused(read: Reader) -> None:
    archive = zipped(two_classes())
    refused(read, with_name(archive, b"dark/0.png", b"..\\..\\.png"), "backslash")
    refused(read, with_name(archive, b"dark/0.png", b"dark/\x00.png"), "control characters")


def test_a_name_that_claims_to_be_utf8_must_be(read: Reader) -> None:
    archive = zipped({**two_classes(), "dark/ü.png": picture(5)})
    refused(read, with_name(archive, "dark/ü".encode(), b"dark/\xff\xfe"), "not UTF-8")


def test_an_old_name_without_the_flag_is_read_as_utf8_or_code_page_437(read: Reader) -> None:
    archive = zipped(two_classes())
    content, _, _ = read(with_name(archive, b"dark", "né1".encode()))
    assert content.classes == ("light", "né1")
    content, _, _ = read(with_name(archive, b"dark", b"n\x82e1"))
    assert content.classes == ("light", "née1")


@pytest.mark.parametrize("mode", [LINK, PIPE, DEVICE])
def test_links_and_devices_are_refused(read: Reader, mode: int) -> None:
    refused(read, with_mode("dark/odd.png", mode), "neither a file nor a folder")


def test_two_files_of_one_name_are_refused_in_any_spelling(read: Reader) -> None:
    archive = zipped(two_classes())
    refused(read, with_name(archive, b"dark/1.png", b"dark/0.png"), "two files named")
    refused(read, zipped(two_classes() | {"dark/é.png": b"1", "dark/e\u0301.png": b"2"}), "two files named")


def test_class_folders_that_differ_in_case_only_are_two_classes_with_a_warning(read: Reader) -> None:
    content, _, _ = read(zipped(two_classes() | {"Dark/9.png": picture(3)}))
    assert content.classes == ("Dark", "dark", "light")
    assert "'Dark' and 'dark' differ in case only" in content.warnings[0]


@pytest.mark.parametrize("label", ["<script>alert(1)", "a" * 201, "cat\u202e", "c\u2800t", "cat\u200b"])
def test_a_folder_name_that_cannot_be_a_label_is_named(read: Reader, label: str) -> None:
    refused(read, zipped(two_classes() | {f"{label}/1.png": picture(3)}), "cannot be a label")


@pytest.mark.parametrize(
    "label", ["T-shirt (long)", "кошка", "猫", "Größe 2", "rock'n'roll & co", "a" * 64, "हिन्दी", "c🐈t"]
)
def test_labels_in_any_script_are_kept(label: str) -> None:
    assert is_label(label)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.png": b"1", "b.png": b"1"},
        {"cat/a.png": b"1"},
        {"pets/cat/a.png": b"1"},
        {"empty/": b"", "cat/a.png": b"1"},
        {"train/cat/1.png": b"1", "val/cat/1.png": b"1", "test/cat/1.png": b"1"},
    ],
)
def test_fewer_than_two_class_folders_are_refused_with_what_was_found(read: Reader, files: dict[str, bytes]) -> None:
    with pytest.raises(ArchiveRejected, match="expected a folder for each class") as refusal:
        read(zipped(files))
    assert refusal.value.code == "too_few_classes"


def test_more_than_a_thousand_classes_are_refused(read: Reader) -> None:
    files = {f"class {n}/1.png": b"1" for n in range(1001)}
    with pytest.raises(ArchiveRejected, match="1001 class folders"):
        read(zipped(files), max_files=2000)


def test_limits_on_number_and_size_hold_before_anything_is_unpacked(read: Reader) -> None:
    archive = zipped(two_classes())
    with pytest.raises(ArchiveRejected, match="too many files; expected at most 7"):
        read(archive, max_files=7)
    with pytest.raises(ArchiveRejected, match="too large when unpacked"):
        read(archive, max_unpacked=300)
    # The end record may lie about the number: what counts is what is there.
    with pytest.raises(ArchiveRejected, match=r"too many files|announces"):
        read(patched_end(patched_end(archive, 8, "<H", 2), 10, "<H", 2), max_files=7)
    with pytest.raises(ArchiveRejected, match="too many files; expected at most 100"):
        read(many_empty_files(130, n_said=2), max_files=100)


def test_a_bomb_is_refused_by_its_ratio(read: Reader) -> None:
    refused(read, zipped(two_classes() | {"dark/bomb.png": bytes(3 * MIB)}), "a zip bomb")


def test_encrypted_archives_and_rare_compressions_are_refused(read: Reader) -> None:
    archive = zipped(two_classes())
    refused(read, patched_directory(archive, 8, "<H", 1), "encrypted")
    refused(read, zipped(two_classes(), zipfile.ZIP_LZMA), "compressed by method 14")


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [
        (24, "<L", 100_000),  # size
        (24, "<L", 10),
        (20, "<L", 5),  # packed size
        (20, "<L", 100_000_000),
        (16, "<L", 12345),  # CRC-32
        (42, "<L", 1),  # where the file begins
        (42, "<L", 4_000_000_000),
        (42, "<L", 0xFFFFFFFF),  # 64 bits, without the field that has them
        (24, "<L", 0xFFFFFFFF),
        (28, "<H", 60_000),  # length of the name
        (34, "<H", 1),  # disk
    ],
)
def test_a_directory_that_lies_is_refused(read: Reader, offset: int, form: str, value: int) -> None:
    refused(read, patched_directory(zipped(two_classes()), offset, form, value), "damaged|contradict")


def test_files_that_share_bytes_are_refused(read: Reader) -> None:
    archive = zipped({"dark/0.png": picture(1), "dark/1.png": picture(1), "light/0.png": picture(2)})
    refused(read, patched_directory(archive, 42, "<L", 0, member=1), "contradicts itself")


def test_a_local_name_that_differs_from_the_directorys_is_refused(read: Reader) -> None:
    archive = with_name(zipped(two_classes()), b"dark/0.png", b"dark/x.png", only_directory=True)
    refused(read, archive, "a file and the directory differ")


@pytest.mark.parametrize(
    ("offset", "form", "value"), [(8, "<H", 3), (10, "<H", 7), (12, "<L", 10), (16, "<L", 0), (4, "<H", 1)]
)
def test_an_end_record_that_lies_is_refused(read: Reader, offset: int, form: str, value: int) -> None:
    refused(read, patched_end(zipped(two_classes()), offset, form, value), "contradict|one part of several|damaged")


def test_cut_or_extended_archives_are_refused_at_every_length(read: Reader) -> None:
    archive = zipped(two_classes())
    for length in range(0, len(archive), 37):
        refused(read, archive[:length], "not a zip|cut short|contradicts|damaged")
    refused(read, archive + b"trailing", "cut short")
    refused(read, b"PK before" + archive, "contradicts")
    refused(read, archive + archive[archive.rindex(b"PK\5\6") :], "contradicts|two ends")


def test_damaged_bytes_are_found_by_their_checksum(read: Reader) -> None:
    archive = bytearray(zipped(two_classes(), zipfile.ZIP_STORED))
    archive[archive.index(b"IDAT") + 6] ^= 1
    refused(read, bytes(archive), r"damaged at 'dark/0.png'.*CRC-32")


def test_sixty_four_bit_archives_are_read(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 20)
    files = two_classes()
    archive = zipped(files)
    assert b"PK\6\6" in archive
    assert read(archive)[2] == files
    lying = bytearray(archive)
    lying[archive.index(b"PK\6\6") + 32] = 9
    refused(read, bytes(lying), "contradicts|announces")
