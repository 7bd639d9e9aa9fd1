"""What becomes of an archive: splits, pixels, facts, report."""

import io
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from model_store import ConversionStatus, DatasetFacts, DatasetStore, open_store
from tests.archives import encoded, encoded_noise, picture, two_classes, zipped
from tests.paths import SHARED_DATA
from tests.unit.worker.datasets.conversion_orders import MIB, ordered
from worker.datasets import Dataset, DatasetCorrupt, DatasetNotFound, DatasetNotReady, find_dataset, load_uploaded
from worker.datasets.built_in import DATASETS
from worker.datasets.loading import is_available, load_dataset
from worker.datasets.staging import KILLED_S
from worker.datasets.statistics import ChannelStatistics
from worker.datasets.upload.convert import Link, convert
from worker.datasets.upload.decoding import record_shape
from worker.datasets.upload.drawing_splits import draw_test_split
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.messages import CONVERTER_MESSAGES, Advanced, Converted
from worker.datasets.upload.options import UploadOptions
from worker.datasets.upload.packing import PREVIEW_FILE
from worker.datasets.upload.report import DatasetReport
from worker.datasets.upload.surveying import HEADER_BYTES, Survey
from worker.datasets.uploaded import FILES, array_files
from worker.pictures.pixels import PictureLimits, decode_picture


class Converter:
    """Converts archives in this process, and opens what came out."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._n = 0

    def convert(self, archive: bytes, **options: object) -> tuple[DatasetFacts, DatasetReport, Path]:
        self._n += 1
        folder = self._directory / str(self._n)
        folder.mkdir()
        (folder / "upload.zip").write_bytes(archive)
        reports = io.BytesIO()
        convert(ordered(folder, **options), Link(reports))
        last = CONVERTER_MESSAGES.validate_json(reports.getvalue().splitlines()[-1])
        assert isinstance(last, Converted)
        return last.facts, DatasetReport.model_validate(last.facts.report), folder


@pytest.fixture
def converter(tmp_path: Path) -> Converter:
    return Converter(tmp_path)


def arrays(folder: Path) -> dict[str, Any]:
    return {file.removesuffix(".npy"): np.load(folder / file) for file in FILES}


def test_pictures_become_the_pixels_that_a_prediction_would_see(converter: Converter) -> None:
    random = np.random.default_rng(5)
    sources = {
        f"{label}/{n}.{kind.lower()}": encoded(random.integers(0, 256, (20 + n, 31, 3), dtype=np.uint8), kind)
        for label in ("cat", "dog")
        for n, kind in enumerate(("PNG", "JPEG", "BMP", "WEBP"))
    }
    facts, _, folder = converter.convert(zipped(sources), image_size="24x16", test_share="0.25")
    assert facts.image_shape == (24, 16, 3)
    packed = arrays(folder)
    found = {image.tobytes() for split in ("train", "test") for image in packed[f"{split}-images"]}
    limits = PictureLimits(MIB)
    assert found == {decode_picture(data, (24, 16, 3), limits).tobytes() for data in sources.values()}
    assert facts.train_per_class == (3, 3)
    assert facts.test_per_class == (1, 1)


def test_the_fingerprint_and_the_statistics_are_those_of_the_built_in_datasets(converter: Converter) -> None:
    sample = load_dataset("fashion_mnist_sample", Path("unused"))
    files = {
        f"{split}/{label:02d}/{n:04d}.png": encoded(image)
        for split, images, labels in (
            ("train", sample.train_images[:300], sample.train_labels[:300]),
            ("test", sample.test_images[:100], sample.test_labels[:100]),
        )
        for n, (image, label) in enumerate(zip(images, labels, strict=True))
    }
    facts, report, folder = converter.convert(zipped(files))
    packed = arrays(folder)
    assert facts.image_shape == (28, 28, 1)
    assert report.split == "as uploaded"
    assert Counter(image.tobytes() for image in packed["train-images"]) == Counter(
        image.tobytes() for image in sample.train_images[:300]
    )
    scaled = packed["train-images"] / 255
    assert facts.mean[0] == pytest.approx(scaled.mean(), abs=1e-6)
    assert facts.deviation[0] == pytest.approx(scaled.std(), abs=1e-6)
    store = open_store("memory://").datasets
    dataset = published(store, facts, folder, folder / "copy")
    assert dataset.fingerprint == facts.fingerprint


def test_the_pictures_own_size_is_kept_when_all_have_one(converter: Converter) -> None:
    files = {f"{label}/{n}.png": picture((n, 99, 7), (30, 20)) for label in "ab" for n in range(3)}
    assert converter.convert(zipped(files))[0].image_shape == (20, 30, 3)
    assert converter.convert(zipped(files | {"a/odd.png": picture((1, 2, 3), (31, 20))}))[0].image_shape == (64, 64, 3)
    assert converter.convert(zipped(files), image_size=8)[0].image_shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("most", "few", "side"),
    [
        ((640, 480), (90, 90), 224),
        ((200, 300), (640, 480), 160),
        ((97, 99), (640, 480), 96),
        ((60, 90), (640, 480), 64),
    ],
)
def test_photographs_are_kept_as_large_as_most_of_them_are(
    converter: Converter, most: tuple[int, int], few: tuple[int, int], side: int
) -> None:
    files = {f"{label}/{n}.png": picture((n, 99, 7), most if n < 2 else few) for label in "ab" for n in range(3)}
    facts, _, _ = converter.convert(zipped(files))
    assert facts.image_shape == (side, side, 3)


def test_a_size_that_nobody_asked_for_fits_the_limit() -> None:
    photographs = Survey(None, 0, usual_side=480)
    options = UploadOptions(name="pets")
    assert record_shape(options, photographs, 1000, 3 * 1000 * 224 * 224) == (224, 224, 3)
    assert record_shape(options, photographs, 1000, 3 * 1000 * 224 * 224 - 1) == (160, 160, 3)
    assert record_shape(options, photographs, 1000, 1) == (64, 64, 3)


def test_tags_and_a_note_come_with_the_facts(converter: Converter) -> None:
    facts, _, _ = converter.convert(zipped(two_classes()), tags="week-3, pets,", note="again")
    assert (facts.tags, facts.note) == (("week-3", "pets"), "again")
    assert not {"tags", "note"} & facts.options.keys()
    assert converter.convert(zipped(two_classes()))[0].note is None
    for wrong in ("a b", ",".join(map(str, range(11)))):
        with pytest.raises(ValidationError):
            UploadOptions.model_validate({"name": "pets", "tags": wrong})


def test_colour_is_kept_only_where_there_is_any(converter: Converter) -> None:
    grey_as_rgb = {f"{label}/{n}.png": picture((n, n, n)) for label in "ab" for n in range(3)}
    assert converter.convert(zipped(grey_as_rgb))[0].image_shape == (12, 12, 1)
    assert converter.convert(zipped(grey_as_rgb), colour="rgb")[0].image_shape == (12, 12, 3)
    coloured = grey_as_rgb | {"a/red.png": picture((200, 0, 0))}
    assert converter.convert(zipped(coloured))[0].image_shape == (12, 12, 3)
    assert converter.convert(zipped(coloured), colour="greyscale")[0].image_shape == (12, 12, 1)


def test_what_is_no_usable_picture_is_reported_and_left_out(converter: Converter) -> None:
    odd = {
        "dark/cut.jpg": picture(40, (90, 90), "JPEG")[:200],
        "dark/text.png": b"not a picture",
        "dark/empty.png": b"",
        "light/huge.png": picture(1, (4100, 12)),
        "light/heavy.bmp": np.random.default_rng(0).bytes(MIB + 1),
        "nothing/broken.png": b"\x89PNG\r\n\x1a\n",
    }
    facts, report, _ = converter.convert(zipped(two_classes(25) | odd))
    assert facts.classes == ("dark", "light")
    assert report.dropped_classes == ("nothing",)
    assert report.skipped == {"damaged_picture": 3, "not_a_picture": 1, "too_large": 2}
    reasons = {line.file: line.reason for line in report.skipped_files}
    assert reasons["dark/text.png"] == "not_a_picture"
    assert reasons["light/heavy.bmp"] == "too_large"
    assert report.small_classes == ()


def test_duplicates_small_and_missing_classes_are_reported(converter: Converter) -> None:
    files = {
        "train/a/1.png": picture(1),
        "train/a/2.png": picture(1),
        "train/b/1.png": picture(2),
        "train/b/2.png": picture(3),
        "test/a/1.png": picture(1),
        "test/c/1.png": picture(3),
    }
    facts, report, _ = converter.convert(zipped(files))
    assert facts.train_per_class == (2, 2, 0)
    assert facts.test_per_class == (1, 0, 1)
    assert (report.missing_in_train, report.missing_in_test) == (("c",), ("b",))
    assert report.small_classes == ("a", "b", "c")
    duplicates = report.duplicates
    assert (duplicates.train, duplicates.test) == (1, 0)
    assert (duplicates.across_splits, duplicates.across_classes) == (2, 2)
    assert duplicates.examples[0] == ("test/c/1.png", "train/b/2.png")


def test_the_same_upload_gives_the_same_dataset_and_another_seed_another_split(converter: Converter) -> None:
    files = two_classes(30)
    backwards = dict(reversed(files.items()))
    first, again, other = (
        converter.convert(zipped(files))[0],
        converter.convert(zipped(backwards))[0],
        converter.convert(zipped(files), seed=1)[0],
    )
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint
    assert first.test_per_class == other.test_per_class == (6, 6)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a/1.png": picture(1), "b/1.png": b"junk"}, "too_few_classes"),
        ({"a/1.png": picture(1), "b/1.png": picture(2)}, "too_few_pictures"),
        ({"train/a/1.png": picture(1), "train/b/1.png": picture(2), "test/a/1.png": b"junk"}, "too_few_pictures"),
    ],
)
def test_too_little_to_train_or_test_is_refused(converter: Converter, files: dict[str, bytes], code: str) -> None:
    with pytest.raises(ArchiveRejected) as refusal:
        converter.convert(zipped(files))
    assert refusal.value.code == code


def test_looking_for_the_pictures_own_size_is_progress_too(tmp_path: Path) -> None:
    (tmp_path / "upload.zip").write_bytes(zipped(two_classes(5)))
    reports = io.BytesIO()
    convert(ordered(tmp_path), Link(reports))
    read = [CONVERTER_MESSAGES.validate_json(line) for line in reports.getvalue().splitlines()]
    phases = [report.phase for report in read if isinstance(report, Advanced)]
    assert phases == ["reading", "decoding", "packing"]


def test_more_pixels_than_allowed_are_refused_before_decoding(converter: Converter) -> None:
    with pytest.raises(ArchiveRejected, match="Choose a smaller `image_size`"):
        converter.convert(zipped(two_classes(60)), image_size=512)


def test_the_drawn_split_is_stratified_and_keeps_equal_pictures_together() -> None:
    labels = [0] * 50 + [1] * 10 + [2] * 2 + [3]
    digests = [str(row // 2 if row < 50 else row).encode() for row in range(len(labels))]
    is_test = draw_test_split(labels, digests, 4, 0.2, seed=3)
    drawn = Counter(label for label, held_out in zip(labels, is_test, strict=True) if held_out)
    assert drawn == {0: 10, 1: 2, 2: 1}
    assert all(is_test[row] == is_test[row + 1] for row in range(0, 50, 2))


def test_the_contact_sheet_is_a_picture_with_a_row_per_class(converter: Converter) -> None:
    _, _, folder = converter.convert(zipped(two_classes(12) | {"кошка/1.png": picture(77)}))
    with Image.open(folder / PREVIEW_FILE) as sheet:
        assert sheet.format == "PNG"
        assert sheet.size[0] > 700
        assert sheet.size[1] > 3 * 60


def test_an_uploaded_dataset_is_found_and_loaded_from_a_verified_copy(converter: Converter, tmp_path: Path) -> None:
    facts, _, folder = converter.convert(zipped(two_classes(10)))
    store = open_store("memory://").datasets
    first = published(store, facts, folder, tmp_path / "cache")
    assert find_dataset("pets", store).classes == ("dark", "light")
    assert not first.train_images.flags.writeable
    (copy,) = (tmp_path / "cache" / "uploaded").iterdir()
    data = bytearray((copy / "train-images.npy").read_bytes())
    data[-1] ^= 1
    (copy / "train-images.npy").write_bytes(data)
    # A copy that the disk has damaged is fetched again.
    again = load_uploaded("pets", store, tmp_path / "cache")
    assert again.fingerprint == facts.fingerprint
    assert len(list((tmp_path / "cache" / "uploaded").iterdir())) == 1


def test_a_validation_split_is_packed_stored_and_loaded_by_itself(converter: Converter, tmp_path: Path) -> None:
    files = {
        f"{split}/{label}/{n}.png": encoded_noise(1000 * i + 100 * j + n)
        for i, (split, count) in enumerate((("train", 10), ("val", 4), ("test", 3)))
        for j, label in enumerate(("cat", "dog"))
        for n in range(count)
    }
    facts, report, folder = converter.convert(zipped(files))
    assert (facts.train_per_class, facts.test_per_class, facts.validation_per_class) == ((10, 10), (3, 3), (4, 4))
    assert (report.validation, report.split) == (8, "as uploaded")
    store = open_store("memory://").datasets
    store.begin("pets", status())
    arrays = array_files(facts.validation_per_class)
    store.publish("pets", "1", facts, {file: folder / file for file in (*arrays, PREVIEW_FILE)})
    dataset = load_uploaded("pets", store, tmp_path / "cache")
    assert dataset.fingerprint == facts.fingerprint
    assert dataset.validation is not None
    assert dataset.validation.images.shape == (8, 24, 24, 3)
    wanted = {decode_picture(files[f"val/cat/{n}.png"], (24, 24, 3), PictureLimits(MIB)).tobytes() for n in range(4)}
    cats = dataset.validation.images[dataset.validation.labels == 0]
    assert {image.tobytes() for image in cats} == wanted
    other, _, _ = converter.convert(zipped({name: data for name, data in files.items() if not name.startswith("val")}))
    assert other.validation_per_class is None
    assert other.fingerprint != facts.fingerprint


def test_pictures_whose_headers_need_the_whole_file_keep_their_common_size(converter: Converter) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (6, 180, 200, 3), dtype=np.uint8)
    files = {f"{'ab'[n % 2]}/{n}.webp": lossless_webp(pixels) for n, pixels in enumerate(noise)}
    assert min(map(len, files.values())) > HEADER_BYTES
    assert converter.convert(zipped(files, 0))[0].image_shape == (180, 200, 3)


def lossless_webp(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def test_copies_of_deleted_datasets_are_removed_for_a_new_one(converter: Converter, tmp_path: Path) -> None:
    store = open_store("memory://").datasets
    copies = tmp_path / "cache" / "uploaded"
    first, _, folder = converter.convert(zipped(two_classes(10)))
    published(store, first, folder, tmp_path / "cache")
    for name in (".staged-old", ".staged-new"):
        (copies / name).mkdir()
    made_at = (copies / ".staged-new").stat().st_mtime
    os.utime(copies / ".staged-old", (made_at - 2 * KILLED_S,) * 2)
    second, _, folder = converter.convert(zipped(two_classes(10)), seed=1)
    published(store, second, folder, tmp_path / "cache", "cars")
    assert {copy.name for copy in copies.iterdir()} == {first.fingerprint, second.fingerprint, ".staged-new"}
    store.delete("pets")
    third, _, folder = converter.convert(zipped(two_classes(10)), seed=2)
    published(store, third, folder, tmp_path / "cache", "boats")
    assert {copy.name for copy in copies.iterdir()} == {second.fingerprint, third.fingerprint, ".staged-new"}


def test_a_dataset_damaged_in_the_store_is_not_trained_on(converter: Converter, tmp_path: Path) -> None:
    facts, _, folder = converter.convert(zipped(two_classes(10)))
    store = open_store(str(tmp_path / "store")).datasets
    published(store, facts, folder, tmp_path / "cache")
    (stored,) = (tmp_path / "store").rglob("train-images.npy")
    stored.write_bytes(stored.read_bytes()[:-1] + b"\0")
    with pytest.raises(DatasetCorrupt, match="train-images"):
        load_uploaded("pets", store, tmp_path / "another-cache")


def test_what_is_not_published_cannot_be_used_and_says_why() -> None:
    store = open_store("memory://").datasets
    with pytest.raises(DatasetNotFound, match="cifar10"):
        find_dataset("pets", store)
    with pytest.raises(DatasetNotFound):
        find_dataset("../etc", store)
    store.begin("pets", status())
    with pytest.raises(DatasetNotReady, match="still being converted"):
        find_dataset("pets", store)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name == "cifar10" else []) for name in sorted(DATASETS)]
)
def test_the_known_mean_and_deviation_are_those_of_the_pictures(name: str) -> None:
    if not is_available(name, SHARED_DATA):
        pytest.skip("its files are not here")
    images = load_dataset(name, SHARED_DATA).train_images
    found = ChannelStatistics(images.shape[3])
    for start in range(0, len(images), 1024):
        found.add(images[start : start + 1024])
    assert (found.mean, found.deviation) == (DATASETS[name].mean, DATASETS[name].deviation)


def status() -> ConversionStatus:
    now = datetime.now(UTC)
    return ConversionStatus(upload="1", started_at=now, heartbeat_at=now)


def published(store: DatasetStore, facts: DatasetFacts, folder: Path, cache: Path, name: str = "pets") -> Dataset:
    store.begin(name, status())
    store.publish(name, "1", facts, {file: folder / file for file in (*FILES, PREVIEW_FILE)})
    return load_uploaded(name, store, cache)
