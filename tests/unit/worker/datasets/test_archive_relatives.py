"""Relatives of the archives that people have: splits and tables in the forms in which data sets are published."""

import json

import pytest

from tests.archives import RawEntry, raw_zip, zipped
from tests.unit.worker.datasets.reading_archives import PNG, Reader, raw, refused, tree

BOTH = ("cat", "dog")


def splits(*names: str) -> dict[str, bytes]:
    return tree([f"{name}/{label}" for name in names for label in BOTH])


@pytest.mark.parametrize(
    ("train", "other", "meaning"),
    [
        ("train_images", "test_images", "test"),
        ("images-train", "images-val", "validation"),
        ("Training Set", "Test Set", "test"),
        ("TrainData", "TestData", "test"),
        ("train2017", "val2017", "validation"),
        ("trn", "tst", "test"),
        ("train", "evaluation", "validation"),
        ("train", "holdout", "test"),
        ("seg_train/seg_train", "seg_test/seg_test", "test"),
        ("data/training_set/training_set", "data/test_set/test_set", "test"),
    ],
)
def test_folders_of_splits_are_known_by_the_word_in_their_names(
    read: Reader, train: str, other: str, meaning: str
) -> None:
    found = read(zipped(splits(train, other) | {"seg_pred/seg_pred/1.jpg": PNG}))
    assert (found.counts, found.splits) == ({"cat": 8, "dog": 8}, {"train", meaning})


def test_evaluation_beside_a_validation_split_is_the_test_split(read: Reader) -> None:
    found = read(zipped(splits("training", "validation", "evaluation")))
    assert (found.counts["cat"], found.splits) == (12, {"train", "validation", "test"})


def test_splits_inside_the_class_folders_are_understood(read: Reader) -> None:
    found = read(zipped(tree([f"pets/{label}/{split}" for label in BOTH for split in ("train", "val", "test")])))
    assert (found.counts, found.splits) == ({"cat": 12, "dog": 12}, {"train", "validation", "test"})


def test_a_class_called_train_is_no_doubled_split(read: Reader) -> None:
    found = read(zipped(tree(["train/train", "train/bus", "test/train", "test/bus"])))
    assert (found.counts, found.splits) == ({"bus": 8, "train": 8}, {"train", "test"})


@pytest.mark.parametrize("folder", ["test/unknown", "test/test", "test"])
def test_a_test_split_without_a_class_of_the_training_split_is_left_out(read: Reader, folder: str) -> None:
    found = read(zipped(splits("train", "valid") | tree([folder], 6)))
    assert (found.counts, found.splits) == ({"cat": 8, "dog": 8}, {"train", "validation"})
    assert any("test" in warning for warning in found.content.warnings)


@pytest.mark.parametrize(
    "tops", [("images", "images2"), ("images", "masks"), ("images", "thumbnails"), ("train/train", "test1/test1")]
)
def test_folders_that_say_nothing_are_no_classes(read: Reader, tops: tuple[str, ...]) -> None:
    refused(read, zipped(tree(tops)), "no class folders.*`filename` and `label`")


def test_pictures_in_a_folder_of_documents_are_no_class(read: Reader) -> None:
    found = read(zipped(tree(BOTH) | {"docs/figure.png": PNG}))
    assert found.counts == {"cat": 4, "dog": 4}
    assert found.skipped == {"docs/figure.png"}


def test_spaces_at_the_ends_of_a_folder_name_are_no_part_of_the_label(read: Reader) -> None:
    assert read(zipped(tree([" cat", "cat ", "dog"]))).counts == {"cat": 8, "dog": 4}


def test_one_class_in_two_spellings_of_two_splits_is_called_as_in_the_training_split(read: Reader) -> None:
    found = read(zipped(tree(["train/Cat", "train/dog", "test/cat", "test/dog"])))
    assert found.counts == {"Cat": 8, "dog": 8}
    assert found.content.warnings == ("Class folder 'cat' was taken for class 'Cat'.",)


@pytest.mark.parametrize("system", [0, 10, 11, 14])
def test_backslashes_are_read_from_every_windows(read: Reader, system: int) -> None:
    files = {name.replace("/", "\\"): data for name, data in tree(["pets/cat", "pets/dog"]).items()}
    assert read(raw_zip(raw(files), system=system)).counts == {"cat": 4, "dog": 4}


def test_folders_of_operating_systems_are_hidden(read: Reader) -> None:
    found = read(zipped(tree([*BOTH, "lost+found", "#recycle/cat", "$RECYCLE.BIN"])))
    assert found.counts == {"cat": 4, "dog": 4}


ROWS = [(f"{number:03d}", BOTH[number % 2]) for number in range(16)]


def table(row: str, title: str = "filename,label\n") -> str:
    return title + "".join(row.format(name=name, label=label, n=number) for number, (name, label) in enumerate(ROWS))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", table("C:\\Users\\me\\images\\{name}.png,{label}\n")),
        ("labels.csv", table("/home/me/pets/images/{name}.png,{label}\n")),
        ("labels.csv", table("../images/{name}.png,{label}\n")),
        ("labels.csv", table("{name}.PNG,{label}\n")),
        ("labels.csv", table("{name}.jpg,{label}\n")),
        ("labels.csv", table("{name}.png,{label},\n")),
        ("labels.csv", table("{name}.png,33,{label}\n", "image,age,Finding Labels\n")),
        ("labels.txt", table("{name}.png,{label}\n")),
        ("labels.csv", table("{name}.png|{label}\n", "filename|label\n")),
        ("labels.csv", "sep=;\r\n" + table("{name}.png;{label}\r\n", "filename;label\r\n")),
        ("labels.csv", "# made by hand\n\n" + table("{name}.png,{label}\n")),
        ("list.txt", table("images/{name}.png {label}\n", "")),
        ("metadata.jsonl", "".join(json.dumps({"file_name": f"{n}.png", "label": label}) + "\n" for n, label in ROWS)),
        ("labels.json", json.dumps({f"{name}.png": label for name, label in ROWS})),
        ("labels.json", json.dumps([{"file": f"{name}.png", "class": label} for name, label in ROWS])),
    ],
)
def test_tables_of_labels_have_many_forms(read: Reader, name: str, text: str) -> None:
    pictures = {f"images/{picture}.png": PNG for picture, _ in ROWS}
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert read(zipped(pictures | {name: text.encode(encoding)})).counts == {"cat": 8, "dog": 8}


def test_rows_without_a_picture_are_counted(read: Reader) -> None:
    pictures = {f"images/{picture}.png": PNG for picture, _ in ROWS[:12]}
    content = read(zipped(pictures | {"labels.csv": table("{name}.png,{label}\n").encode()})).content
    assert content.warnings == ("4 rows of 'labels.csv' name no picture of the archive, or one of several.",)


@pytest.mark.parametrize("title", ["label,id\n", ""])
def test_labels_that_are_numbers_are_not_taken_for_names(read: Reader, title: str) -> None:
    rows = title + "".join(f"{number % 2},{number}\n" for number in range(16))
    found = read(zipped({**{f"{number}.png": PNG for number in range(16)}, "labels.csv": rows.encode()}))
    assert found.counts == {"0": 8, "1": 8}


def test_a_column_for_each_class_is_understood(read: Reader) -> None:
    rows = "filename, cat, dog\n" + "".join(f"{name}.jpg, {1 - n % 2}, {n % 2}\n" for n, (name, _) in enumerate(ROWS))
    files = {f"{split}/{split}{name}.jpg": PNG for split in ("train", "valid", "test") for name, _ in ROWS}
    for split in ("train", "valid", "test"):
        files[f"{split}/_classes.csv"] = "\n".join(f"{split}{line}" for line in rows.splitlines()).encode()
    found = read(zipped(files))
    assert (found.counts, found.splits) == ({"cat": 24, "dog": 24}, {"train", "validation", "test"})


@pytest.mark.parametrize("place", ["{split}.csv", "{split}/labels.csv"])
def test_tables_of_several_splits_count_together_though_names_repeat(read: Reader, place: str) -> None:
    files = {f"{split}/{name}.png": PNG for split in ("train", "test") for name, _ in ROWS}
    tables = {place.format(split=split): table("{name}.png,{label}\n").encode() for split in ("train", "test")}
    found = read(zipped(files | tables))
    assert (found.counts, found.splits) == ({"cat": 16, "dog": 16}, {"train", "test"})
    assert not found.skipped


def test_a_column_of_splits_counts(read: Reader) -> None:
    rows = "filename,label,split\n" + "".join(f"{n},{label},{('train', 'test')[int(n) > 11]}\n" for n, label in ROWS)
    found = read(zipped({**{f"images/{name}.png": PNG for name, _ in ROWS}, "labels.csv": rows.encode()}))
    assert found.splits == {"train", "test"}


def test_made_up_answers_of_a_competition_are_not_taken_for_labels(read: Reader) -> None:
    files = {f"{split}/{split}{name}.png": PNG for split in ("train", "test") for name, _ in ROWS}
    tables = {
        "train.csv": table("train{name},{label}\n", "id,breed\n").encode(),
        "sample_submission.csv": table("test{name},cat\n", "id,breed\n").encode(),
    }
    assert read(zipped(files | tables)).counts == {"cat": 8, "dog": 8}


def test_one_odd_entry_made_by_dos_with_slashes_keeps_its_name(read: Reader) -> None:
    refused(read, raw_zip([*raw(tree(BOTH)), RawEntry(b"cat/a\\b.png", PNG)], system=0), "has a backslash")


def test_a_dot_before_every_name_is_no_folder(read: Reader) -> None:
    files = {f"./{name}": data for name, data in tree(BOTH).items()}
    assert read(zipped({"./": b""} | files)).counts == {"cat": 4, "dog": 4}
    refused(read, zipped(files | {"./../cat/9.png": PNG}), "leads elsewhere")
    refused(read, zipped(files | {"cat/0.png": PNG}), "two files named")


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x01", "a RAR archive"),
        (b"\x28\xb5\x2f\xfd", "a file compressed with Zstandard"),
        (b"MZ\x90", "a program"),
        (PNG, "a single picture"),
        (b"GIF89a", "a single picture"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\0", "nothing but zeros"),
        (b"", "an empty file"),
    ],
)
def test_files_of_other_kinds_are_called_by_their_names(read: Reader, start: bytes, named: str) -> None:
    refused(read, start + bytes(600) * bool(start), f"expected a zip.*got {named}")


def test_archives_in_the_archive_and_groups_of_folders_are_refused_with_a_hint(read: Reader) -> None:
    refused(read, zipped({"cat.zip": zipped(tree(["cat"])), "dog.zip": zipped(tree(["dog"]))}), "unpack them first")
    years = tree([f"{label}/{year}" for label in BOTH for year in (2019, 2020)])
    refused(read, zipped(years), "put the pictures of a class directly into its folder")
