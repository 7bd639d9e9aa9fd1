"""How archives are understood: splits, class folders, tables of labels, archives of Windows and the Finder."""

import pytest

from tests.archives import RawEntry, raw_zip, with_zip64_end, zipped
from tests.unit.worker.datasets.reading_archives import PNG, Reader, raw, refused, tree


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Validation", "dev"])
@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "TESTING"), ("train", None)])
def test_splits_have_many_names(read: Reader, validation: str, train: str, test: str | None) -> None:
    splits = [train, validation] + ([test] if test else [])
    found = read(zipped(tree([f"my pets/{split}/{label}" for split in splits for label in ("cat", "dog")])))
    assert found.counts == {"cat": 4 * len(splits), "dog": 4 * len(splits)}
    assert found.splits == {"train", "validation"} | ({"test"} if test else set())
    assert f"'{validation}' is the validation split" in found.content.layout


def test_one_split_alone_is_a_folder_like_any_other(read: Reader) -> None:
    assert read(zipped(tree(["pets/train/cat", "pets/train/dog"]))).splits == {None}
    assert read(zipped(tree(["test/cat", "test/dog", "validation/cat"]))).splits == {None}


def test_a_class_that_is_called_like_a_split_is_a_class(read: Reader) -> None:
    assert set(read(zipped(tree(["train", "bus", "plane"]))).counts) == {"train", "bus", "plane"}


@pytest.mark.parametrize("tops", [("train", "test1"), ("train", "test"), ("Training set", "validation", "test_2")])
def test_pictures_directly_in_split_folders_are_refused_with_a_hint(read: Reader, tops: tuple[str, ...]) -> None:
    refused(read, zipped(tree(tops)), "no class folders.*CSV file with the columns `filename` and `label`")


def test_two_equal_groups_of_class_folders_are_refused_instead_of_dropping_one(read: Reader) -> None:
    groups = tree([f"{kind}/{label}" for kind in ("colour", "grey") for label in "ab"])
    refused(read, zipped(groups), "several groups of class folders")


def test_a_smaller_group_beside_the_class_folders_is_left_out_and_warned_about(read: Reader) -> None:
    found = read(zipped(tree(["pets/cat", "pets/dog"], 10) | tree(["samples/cat", "samples/dog"], 2)))
    assert found.counts == {"cat": 10, "dog": 10}
    assert any("4 of 24 pictures" in warning for warning in found.content.warnings)


@pytest.mark.parametrize(
    "extra",
    [
        {"docs/readme.txt": b"made at home"},
        {"annotations/1.xml": b"<annotation/>", "annotations/2.xml": b"<annotation/>"},
        {"scripts/make.py": b"print()", "scripts/tools/run.sh": b"#!"},
        {"metadata.json": b"{}", "LICENSE": b"CC0", "data.bin": bytes(9)},
        {"docs/preview.png": PNG},
        {"labels.csv": b"filename,label\n0.png,x\n1.png,y\n"},
    ],
    ids=lambda extra: next(iter(extra)),
)
@pytest.mark.parametrize("folders", [("pets/cat", "pets/dog"), ("train/cat", "train/dog", "test/cat", "test/dog")])
def test_other_files_do_not_decide_the_layout_and_are_named(
    read: Reader, extra: dict[str, bytes], folders: tuple[str, ...]
) -> None:
    found = read(zipped(tree(folders) | {f"{next(iter(extra)).partition('/')[0]}/": b""} | extra))
    assert found.counts == {"cat": 2 * len(folders), "dog": 2 * len(folders)}
    assert found.skipped == set(extra)
    assert set(found.content.empty) <= {next(iter(extra))}


def test_a_picture_without_a_suffix_is_known_by_its_first_bytes(read: Reader) -> None:
    files = {"cat/1": PNG, "cat/2": b"text", "dog/1.dat": b"GIF89a..", "docs/3": b"text"}
    found = read(zipped(files))
    assert found.counts == {"cat": 1, "dog": 1}
    assert found.skipped == {"cat/2", "docs/3"}


LABELS = [(f"{number:03d}", ("cat", "dog")[number % 2]) for number in range(16)]
TABLES = {
    "titles": "filename,label\n" + "".join(f"{name}.png,{label}\n" for name, label in LABELS),
    "no titles": "".join(f"{label},{name}.png\n" for name, label in LABELS),
    "quotes and a byte order mark": "\ufefffile,class\r\n" + "".join(f'"{n}.png","{label}"\r\n' for n, label in LABELS),
    "more columns": "Label,width,path\n" + "".join(f"{label},24,images/{name}.png\n" for name, label in LABELS),
    "semicolons, no suffix": "id;breed\n" + "".join(f"{name};{label}\n" for name, label in LABELS),
    "tabs": "image_id\tage\tdx\n" + "".join(f"{name}.png\t{name}\t{label}\n" for name, label in LABELS),
    "backslashes": "image,tag\n" + "".join(f".\\images\\{name}.png, {label} \n" for name, label in LABELS),
    "names of more pictures": "filename,label\n" + "".join(f"{n:03d}.png,{LABELS[n % 2][1]}\n" for n in range(24)),
}  # fmt: skip


def flat(folder: str = "images/") -> dict[str, bytes]:
    return {f"{folder}{number:03d}.png": PNG for number in range(16)}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_table_of_labels_is_read_with_columns_in_any_order(read: Reader, table: str) -> None:
    found = read(zipped({**flat(), "labels.csv": table.encode()}))
    assert found.counts == {"cat": 8, "dog": 8}
    assert found.content.layout.startswith("Labels were read from 'labels.csv'")


@pytest.mark.parametrize("folders", [("",), ("part_1/", "part_2/"), ("pets/train/",), ("train/", "test1/")])
def test_a_table_labels_pictures_wherever_they_lie(read: Reader, folders: tuple[str, ...]) -> None:
    pictures = {f"{folders[number % len(folders)]}{number:03d}.png": PNG for number in range(16)}
    assert read(zipped(pictures | {"meta/labels.csv": TABLES["titles"].encode()})).counts == {"cat": 8, "dog": 8}


def test_a_table_that_labels_both_splits_keeps_them(read: Reader) -> None:
    pictures = {f"{('train', 'test')[number > 11]}/{number:03d}.png": PNG for number in range(16)}
    assert read(zipped(pictures | {"labels.csv": TABLES["titles"].encode()})).splits == {"train", "test"}


def test_pictures_that_the_table_does_not_label_once_are_left_out(read: Reader) -> None:
    table = TABLES["titles"] + "000.png,dog\n001.png,dog\n"
    found = read(zipped({**flat(), "images/new.png": PNG, "labels.csv": table.encode(), "a.txt": b""}))
    assert found.counts == {"cat": 7, "dog": 8}
    assert found.skipped == {"images/000.png", "images/new.png", "a.txt"}


def test_a_name_that_two_pictures_have_is_no_use(read: Reader) -> None:
    pictures = flat("a1/") | {"a2/000.png": PNG}
    assert read(zipped(pictures | {"labels.csv": TABLES["titles"].encode()})).counts == {"cat": 7, "dog": 8}


@pytest.mark.parametrize(
    "table", [b"", b"\0\0", b"a,b\n1,2\n", b'"' * 1000, b"x,y\n" * 1000, b"filename\n000.png\n", b"000.png,x\n"]
)
def test_a_table_of_no_use_does_not_hide_what_is_wrong(read: Reader, table: bytes) -> None:
    refused(read, zipped({**flat(), "labels.csv": table}), "1 class folder; expected")


@pytest.mark.parametrize("title", ["width", "URL", "Timestamp"])
def test_a_column_that_is_no_label_by_its_title_is_not_taken_for_one(read: Reader, title: str) -> None:
    table = f"filename,{title}\n" + "".join(f"{name}.png,{n % 3}\n" for n, (name, _) in enumerate(LABELS))
    refused(read, zipped({**flat(), "labels.csv": table.encode()}), "1 class folder; expected")


def test_a_column_with_another_title_is_named(read: Reader) -> None:
    table = TABLES["titles"].replace("label", "animal")
    found = read(zipped({**flat(), "labels.csv": table.encode()}))
    assert found.content.layout == "Labels were read from 'labels.csv', column 'animal'."


def test_class_folders_that_are_numbers_win_over_a_table_that_may_mean_something_else(read: Reader) -> None:
    pictures = {f"{number % 2}/{number:03d}.png": PNG for number in range(16)}
    marks = "filename,mark\n" + "".join(f"{name}.png,{n % 3}\n" for n, (name, _) in enumerate(LABELS))
    assert read(zipped(pictures | {"marks.csv": marks.encode()})).counts == {"0": 8, "1": 8}


def test_a_table_in_an_old_code_page_is_warned_about_or_read_in_the_given_one(read: Reader) -> None:
    table = TABLES["titles"].replace("cat", "кошка").replace("dog", "собака").encode("cp866")
    archive = zipped({**flat(), "labels.csv": table})
    (warning,) = read(archive).content.warnings
    assert "not UTF-8" in warning
    assert read(archive, "cp866").counts == {"кошка": 8, "собака": 8}
    assert read(archive, "cp866").content.warnings == ()


def test_labels_in_a_table_keep_the_rules_for_labels(read: Reader) -> None:
    table = b"filename,label\n000.png,<script>\n001.png,b\n" + b"".join(b"%03d.png,c\n" % n for n in range(2, 16))
    refused(read, zipped({**flat(), "labels.csv": table}), "A label in 'labels.csv' cannot be a label: '<script>'")


def test_backslashes_from_windows_separate_folders(read: Reader) -> None:
    files = {name.replace("/", "\\"): data for name, data in tree(["pets/cat", "pets/dog"]).items()}
    assert read(raw_zip([RawEntry(b"pets\\cat\\", b""), *raw(files)], system=0)).counts == {"cat": 4, "dog": 4}


@pytest.mark.parametrize(
    ("name", "because"),
    [
        (b"pets\\..\\..\\cat\\9.png", "leads elsewhere"),
        (b"\\cat\\9.png", "is absolute"),
        (b"C:\\cat\\9.png", "is absolute"),
        (b"pets\\cat\\\\9.png", "leads elsewhere"),
        (b"cat/x\\..\\9.png", "has a backslash"),
    ],
)
def test_rules_for_paths_hold_behind_backslashes(read: Reader, name: bytes, because: str) -> None:
    refused(read, raw_zip([*raw(tree(["cat", "dog"])), RawEntry(name, PNG)], system=0), because)


def test_a_backslash_from_another_system_is_refused(read: Reader) -> None:
    refused(read, raw_zip([*raw(tree(["cat", "dog"])), RawEntry(b"cat\\9.png", PNG)]), "has a backslash")


@pytest.mark.parametrize("name", ["cat/Ic\ron.png", "cat/Icon\r/1.png", "Icon\n", "cat/Icon\r\r"])
def test_control_characters_refuse_the_archive_but_in_a_folders_icon(read: Reader, name: str) -> None:
    refused(read, zipped(tree(["cat", "dog"]) | {name: b""}), "has control characters")
    assert read(zipped(tree(["cat", "dog"]) | {"Icon\r": b"", "cat/Icon\r": b""})).skipped == {"Icon�", "cat/Icon�"}


def test_a_wrapped_count_is_accepted_and_a_wrong_one_is_not(read: Reader) -> None:
    twins = [RawEntry(b"__MACOSX/cat/._%d.png" % number, b"") for number in range(66_000)]
    archive = raw_zip([*raw(tree(["cat"])), *twins, *raw(tree(["dog"]))])
    assert read(archive).counts == {"cat": 4, "dog": 4}
    refused(read, archive[:-14] + b"\1\0\1\0" + archive[-10:], "announces 1 entries and has 66008")
    refused(read, with_zip64_end(archive), "announces 472 entries and has 66008")
