"""Archives as people's tools write them and as their data sets are laid out, over HTTP with real converters."""

import io
import lzma
import tarfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx
import pytest

from tests.archives import RawEntry, encoded_noise, huge_webp, picture, raw_zip, unicode_path, zipped
from tests.integration.service.uploading import converted, upload
from tests.unit.worker.datasets.test_picture_tables import parquet, pixel_table
from tests.unit.worker.datasets.test_upload_foreign import tarred

pytestmark = pytest.mark.anyio
IN_UNIT_TESTS_TOO = pytest.mark.long
"""`test_archive_layouts.py` and `test_old_names.py` try it without a process, `make promises` with one."""


def tree(folders: Iterable[str], n: int = 5, first: int = 0) -> dict[str, bytes]:
    """Different pictures in each folder."""
    names = [f"{folder}/{number}.png" for folder in folders for number in range(n)]
    return {name: encoded_noise(first + number) for number, name in enumerate(names)}


def raw(files: Mapping[str, bytes], encoding: str = "utf-8") -> list[RawEntry]:
    return [RawEntry(name.encode(encoding), data) for name, data in files.items()]


async def dataset_of(api: httpx.AsyncClient, archive: bytes, **options: str) -> dict[str, Any]:
    """The dataset that an archive became."""
    answer = await upload(api, archive, **options)
    assert answer.status_code == 202, answer.text
    dataset = await converted(api)
    assert dataset["state"] == "ready", dataset
    return dataset


def counts(dataset: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Training and test pictures of each class."""
    return {line["label"]: (line["train"], line["test"]) for line in dataset["classes"]}


def skipped(dataset: dict[str, Any]) -> set[str]:
    return {line["file"] for line in dataset["report"]["skipped_files"]}


async def test_a_validation_split_is_understood_beside_train_and_test(api: httpx.AsyncClient) -> None:
    files = tree([f"{split}/{label}" for split in ("train", "test") for label in ("cat", "dog")], 6)
    files |= tree(["valid/cat", "valid/dog"], 4, first=100) | {"README.txt": b"made at home"}
    dataset = await dataset_of(api, zipped(files))
    assert counts(dataset) == {"cat": (6, 6), "dog": (6, 6)}
    assert (dataset["train"], dataset["test"], dataset["validation"]) == (12, 12, 8)
    report = dataset["report"]
    assert (report["split"], report["validation"]) == ("as uploaded", 8)
    assert "'valid' is the validation split" in report["layout"]
    assert skipped(dataset) == {"README.txt"}


async def test_without_a_test_split_one_is_drawn_from_the_training_pictures(api: httpx.AsyncClient) -> None:
    files = tree(["pets/train/cat", "pets/train/dog"], 20)
    files |= tree(["pets/val/cat", "pets/val/dog"], 5, first=100) | {"pets/vectorize.py": b"print()"}
    dataset = await dataset_of(api, zipped(files))
    assert counts(dataset) == {"cat": (16, 4), "dog": (16, 4)}
    assert dataset["validation"] == 10
    assert dataset["report"]["split"] == "drawn"
    assert any("no test split" in warning for warning in dataset["report"]["warnings"])


async def test_a_flat_test_folder_beside_class_folders_is_left_out_and_named(api: httpx.AsyncClient) -> None:
    files = tree(["train/cat", "train/dog"], 10) | tree(["test"], 3, first=50)
    dataset = await dataset_of(api, zipped(files))
    assert counts(dataset) == {"cat": (8, 2), "dog": (8, 2)}
    assert skipped(dataset) == {"test/0.png", "test/1.png", "test/2.png"}
    assert any("3 of 23 pictures" in warning for warning in dataset["report"]["warnings"])


@IN_UNIT_TESTS_TOO
async def test_pictures_directly_in_split_folders_are_refused_with_a_hint(api: httpx.AsyncClient) -> None:
    answer = await upload(api, zipped(tree(["train", "test1"])))
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert "no class folders" in detail
    assert "CSV file with the columns `filename` and `label`" in detail


def table() -> bytes:
    """Labels of 16 pictures; the columns are in an odd order."""
    lines = (f"{('cat', 'dog')[number % 2]},24,images/{number:03d}.png\n" for number in range(16))
    return ("label,width,filename\n" + "".join(lines)).encode()


def flat(folder: str = "images/") -> dict[str, bytes]:
    return {f"{folder}{number:03d}.png": encoded_noise(number) for number in range(16)}


async def test_a_table_of_labels_beside_a_folder_of_pictures_is_read(api: httpx.AsyncClient) -> None:
    dataset = await dataset_of(api, zipped({**flat(), "labels.csv": table()}))
    assert {label: sum(numbers) for label, numbers in counts(dataset).items()} == {"cat": 8, "dog": 8}
    assert dataset["report"]["layout"] == "Labels were read from 'labels.csv', column 'label'."


async def test_a_table_that_labels_only_the_training_pictures_leaves_the_others_out(api: httpx.AsyncClient) -> None:
    files = flat("train/") | tree(["test1"], 4, first=50) | {"train_labels.csv": table().replace(b"images/", b"")}
    dataset = await dataset_of(api, zipped(files))
    assert (dataset["train"], dataset["test"]) == (12, 4)
    assert dataset["report"]["skipped"] == {"no_label": 4}


@IN_UNIT_TESTS_TOO
async def test_other_files_at_the_top_do_not_decide_the_layout_and_are_named(api: httpx.AsyncClient) -> None:
    extra = {"docs/readme.txt": b"made at home", "scripts/make.py": b"print()", "preview.png": encoded_noise(999)}
    dataset = await dataset_of(api, zipped(tree(["pets/cat", "pets/dog"]) | extra))
    assert {label: sum(numbers) for label, numbers in counts(dataset).items()} == {"cat": 5, "dog": 5}
    assert skipped(dataset) == set(extra)
    assert dataset["report"]["dropped_classes"] == []


@IN_UNIT_TESTS_TOO
async def test_backslashes_from_windows_separate_folders(api: httpx.AsyncClient) -> None:
    files = {name.replace("/", "\\"): data for name, data in tree(["pets/cat", "pets/dog"]).items()}
    dataset = await dataset_of(api, raw_zip([RawEntry(b"pets\\cat\\", b""), *raw(files)], system=0))
    assert {label: sum(numbers) for label, numbers in counts(dataset).items()} == {"cat": 5, "dog": 5}


@IN_UNIT_TESTS_TOO
async def test_rules_for_paths_hold_behind_backslashes(api: httpx.AsyncClient) -> None:
    evil = RawEntry(b"pets\\..\\..\\cat\\9.png", picture(3))
    answer = await upload(api, raw_zip([*raw(tree(["cat", "dog"])), evil], system=0))
    assert answer.status_code == 422
    assert "leads elsewhere" in answer.json()["detail"]


@pytest.mark.long  # `test_archive_layouts.py` reads such an archive
async def test_more_than_65535_files_counted_modulo_65536_are_read_from_both_ends(api: httpx.AsyncClient) -> None:
    pictures = raw(tree(["cat", "dog"], 6))
    twins = [RawEntry(b"__MACOSX/cat/._%d.png" % number, b"\0\5\x16\7") for number in range(66_000)]
    dataset = await dataset_of(api, raw_zip([*pictures[:6], *twins, *pictures[6:]]))
    assert {label: sum(numbers) for label, numbers in counts(dataset).items()} == {"cat": 6, "dog": 6}
    assert dataset["report"]["skipped"] == {"hidden": 66_000}


async def test_the_finders_folder_icons_are_skipped_and_named(api: httpx.AsyncClient) -> None:
    files = tree(["cat", "dog"]) | {"Icon\r": b"", "cat/Icon\r": b"", "__MACOSX/cat/._Icon\r": b"\0"}
    dataset = await dataset_of(api, zipped(files))
    assert dataset["report"]["skipped"] == {"folder_icon": 2, "hidden": 1}
    assert skipped(dataset) == {"Icon�", "cat/Icon�"}


async def test_labels_are_kept_as_written_in_any_script(api: httpx.AsyncClient) -> None:
    labels = ["می\u200cخواهم", "क्\u200dष", "അവന്\u200d", "l’œil", "née “x”", "rock & roll!", "a=b; 50%", "20 °C", "№ 5"]  # noqa: RUF001
    labels += ["🐱", "👩\u200d🚀", "🇩🇪", "⠓⠊", "long " * 39]
    labels = [label.strip() for label in labels]
    dataset = await dataset_of(api, zipped(tree(labels, 2)))
    assert set(counts(dataset)) == set(labels)
    page = (await api.get("/datasets/pets/pictures", params={"split": "train", "label": "👩\u200d🚀"})).json()
    assert [one["label"] for one in page["pictures"]] == ["👩\u200d🚀"] * page["total"] != []
    assert (await api.get("/datasets/pets/preview.png")).status_code == 200


def old_zip(page: str, words: tuple[str, str], extra: Callable[[bytes, str], bytes] = lambda name, true: b"") -> bytes:
    """Names in an old code page."""
    files = {name: (name.encode(page), data) for name, data in tree(words).items()}
    return raw_zip([RawEntry(old, data, extra(old, name)) for name, (old, data) in files.items()], system=0)


@IN_UNIT_TESTS_TOO
async def test_the_name_in_the_unicode_field_counts(api: httpx.AsyncClient) -> None:
    dataset = await dataset_of(api, old_zip("cp932", ("猫", "犬"), unicode_path))
    assert set(counts(dataset)) == {"猫", "犬"}
    assert dataset["report"]["warnings"] == []


async def test_the_uploader_can_name_the_code_page(api: httpx.AsyncClient) -> None:
    dataset = await dataset_of(api, old_zip("cp866", ("кошка", "собака")), encoding="cp866")
    assert set(counts(dataset)) == {"кошка", "собака"}
    assert dataset["report"]["warnings"] == []
    assert dataset["options"]["encoding"] == "cp866"


@IN_UNIT_TESTS_TOO
async def test_names_in_an_unknown_code_page_are_warned_about(api: httpx.AsyncClient) -> None:
    dataset = await dataset_of(api, old_zip("cp850", ("été", "Hündin")))
    assert set(counts(dataset)) == {"été", "Hündin"}
    (warning,) = dataset["report"]["warnings"]
    assert "old code page" in warning
    assert "`encoding`" in warning


@pytest.mark.parametrize(("encoding", "status"), [("zip", 422), ("rot13", 422), ("nonsense", 422), ("a" * 5000, 422)])
async def test_an_encoding_that_is_no_code_page_is_refused(api: httpx.AsyncClient, encoding: str, status: int) -> None:
    answer = await upload(api, zipped(tree(["cat", "dog"])), encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (status, "validation_failed")


async def test_a_class_without_a_usable_picture_fails_with_a_report_that_names_it(api: httpx.AsyncClient) -> None:
    files = tree(["cat"]) | {f"dog/{number}.png": b"GIF89a" + bytes(40) for number in range(5)}
    assert (await upload(api, zipped(files))).status_code == 202
    failed = await converted(api)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "too_few_classes")
    assert failed["report"]["dropped_classes"] == ["dog"]
    assert failed["report"]["skipped_files"][0]["file"] == "dog/0.png"
    assert failed["report"]["skipped_files"][0]["message"]


async def test_photos_of_a_kind_that_is_not_decoded_fail_with_what_to_do(api: httpx.AsyncClient) -> None:
    heic = b"\0\0\0\x18ftypheic" + bytes(40)
    files = tree(["cat"]) | {f"dog/{number}.heic": heic + bytes([number]) for number in range(5)}
    assert (await upload(api, zipped(files))).status_code == 202
    failed = await converted(api)
    assert (failed["report"]["dropped_classes"], failed["report"]["skipped"]) == (["dog"], {"not_a_picture": 5})
    assert "as JPEG" in failed["error"]["hint"]


async def test_pictures_too_large_to_decode_fail_with_a_report(api: httpx.AsyncClient) -> None:
    files = tree(["cat"]) | {f"dog/{number}.webp": huge_webp(16_000, 16_000) for number in range(3)}
    assert (await upload(api, zipped(files))).status_code == 202
    failed = await converted(api)
    assert failed["report"]["skipped"] == {"too_large": 3}
    assert failed["report"]["dropped_classes"] == ["dog"]


def tar_of(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


@pytest.mark.parametrize("kind", ["application/gzip", "application/octet-stream"])
async def test_a_compressed_tar_is_taken_like_a_zip(api: httpx.AsyncClient, kind: str) -> None:
    body = tar_of(tree(["cat", "dog"]))
    answer = await api.post("/datasets", params={"name": "pets"}, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 202
    assert counts(await converted(api)) == {"cat": (4, 1), "dog": (4, 1)}


async def test_a_table_with_a_column_for_each_pixel_is_a_dataset(api: httpx.AsyncClient) -> None:
    title = ",".join(["label", *(f"pixel{number}" for number in range(784))])
    rows = [",".join([str(number % 2), *(str((number * pixel) % 256) for pixel in range(784))]) for number in range(10)]
    body = "\n".join([title, *rows]).encode()
    answer = await api.post("/datasets", params={"name": "pets"}, content=body, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 202
    dataset = await converted(api)
    assert (dataset["image_shape"], counts(dataset)) == ([28, 28, 1], {"0": (4, 1), "1": (4, 1)})


async def test_a_tar_with_a_name_that_leads_elsewhere_is_refused(api: httpx.AsyncClient) -> None:
    answer = await upload(api, tar_of(tree(["cat", "dog"]) | {"../evil/1.png": b"x"}))
    assert (answer.status_code, answer.json()["code"]) == (422, "archive_rejected")


def published_forms() -> Mapping[str, tuple[bytes, dict[str, tuple[int, int]]]]:
    """Uploads in the forms in which data sets are published, and what becomes of each."""
    names = [f"{number:03d}" for number in range(10)]
    rows = "".join(f'{{"file_name": "{n}.png", "label": "{("cat", "dog")[int(n) % 2]}"}}\n' for n in names)
    tables = {
        f"data/{split}-00000-of-00001.parquet": parquet([0, 1] * 3, ("Bag", "T-shirt/top"), first)
        for first, split in ((0, "train"), (50, "test"))
    }
    doubled = tree([f"seg_{split}/seg_{split}/{label}" for split in ("train", "test") for label in ("cat", "dog")])
    pictures = {f"images/{name}.png": encoded_noise(int(name)) for name in names}
    return {
        "doubled splits": (zipped(doubled), {"cat": (5, 5), "dog": (5, 5)}),
        "splits in classes": (zipped(tree(["a/train", "a/test", "b/train", "b/test"])), {"a": (5, 5), "b": (5, 5)}),
        "twins": (zipped(tree(["Polish", "polish"])), {"Polish": (4, 1), "polish": (4, 1)}),
        "labels as lines": (zipped(pictures | {"metadata.jsonl": rows.encode()}), {"cat": (4, 1), "dog": (4, 1)}),
        "parquet in a zip": (zipped(tables), {"Bag": (3, 3), "T-shirt/top": (3, 3)}),
        "parquet": (parquet([0, 1] * 5, ("Bag", "T-shirt/top")), {"Bag": (4, 1), "T-shirt/top": (4, 1)}),
        "pixels in a zip": (
            zipped({"mnist_train.csv": pixel_table(10), "mnist_test.csv": pixel_table(4, first=1)}),
            {"0": (5, 2), "1": (5, 2)},
        ),
        "tar.xz": (lzma.compress(tarred(tree(["cat", "dog"]))), {"cat": (4, 1), "dog": (4, 1)}),
    }


async def test_the_forms_in_which_data_sets_are_published_become_datasets(api: httpx.AsyncClient) -> None:
    for number, (form, (archive, expected)) in enumerate(published_forms().items()):
        answer = await upload(api, archive, name=f"form-{number}")
        assert answer.status_code == 202, (form, answer.text)
        dataset = await converted(api, f"form-{number}")
        assert (dataset["state"], counts(dataset)) == ("ready", expected), form
