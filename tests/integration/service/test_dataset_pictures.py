"""Pictures of datasets over HTTP: exactly the dataset's pixels, whatever the dataset is made of."""

import asyncio
import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_store import ModelStore
from service.settings import ApiSettings
from tests.archives import two_classes, zipped
from tests.integration.service.uploading import converted, upload
from worker.datasets import load_dataset, unpacked
from worker.datasets.dataset import Dataset

pytestmark = pytest.mark.anyio
SAMPLE = "/datasets/fashion_mnist_sample/pictures"


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("fashion_mnist_sample", Path("unused"))


@pytest.fixture
def unpacked_sample(settings: ApiSettings) -> None:
    unpacked.unpack("fashion_mnist_sample", settings.datasets_path)


def pixels_of(answer: httpx.Response) -> NDArray[np.uint8]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


async def test_a_picture_of_a_built_in_dataset_has_its_very_pixels(
    api: httpx.AsyncClient, settings: ApiSettings, sample: Dataset
) -> None:
    asked = [("test", 0), ("test", 999), ("train", 2999)]
    answers = await asyncio.gather(*(api.get(f"{SAMPLE}/{split}/{index}.png") for split, index in asked))
    images = {"test": sample.test_images, "train": sample.train_images}
    for (split, index), answer in zip(asked, answers, strict=True):
        assert np.array_equal(pixels_of(answer), images[split][index, ..., 0])
    assert [path.name for path in (settings.datasets_path / "unpacked").iterdir()] == [sample.fingerprint]
    known = await api.get(f"{SAMPLE}/test/0.png", headers={"If-None-Match": answers[0].headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.usefixtures("unpacked_sample")
async def test_an_enlarged_picture_has_hard_pixels(api: httpx.AsyncClient, sample: Dataset) -> None:
    large = pixels_of(await api.get(f"{SAMPLE}/test/7.png?scale=5"))
    assert large.shape == (140, 140)
    for row, column in ((0, 0), (4, 4), (2, 3)):
        assert np.array_equal(large[row::5, column::5], sample.test_images[7, ..., 0])


@pytest.mark.usefixtures("unpacked_sample")
async def test_rows_name_labels_and_addresses(api: httpx.AsyncClient, sample: Dataset) -> None:
    page = (await api.get(SAMPLE, params={"split": "test", "offset": 995, "limit": 10})).json()
    assert (page["total"], page["offset"], page["limit"], page["split"]) == (1000, 995, 10, "test")
    assert [row["index"] for row in page["pictures"]] == [995, 996, 997, 998, 999]
    for row in page["pictures"]:
        assert row["class_index"] == sample.test_labels[row["index"]]
        assert row["label"] == sample.info.classes[row["class_index"]]
        assert (await api.get(row["url"])).status_code == 200


@pytest.mark.usefixtures("unpacked_sample")
@pytest.mark.parametrize("label", ["Bag", "8"])
async def test_rows_of_one_class(api: httpx.AsyncClient, sample: Dataset, label: str) -> None:
    page = (await api.get(SAMPLE, params={"split": "train", "label": label, "offset": 3, "limit": 4})).json()
    assert page["total"] == 300
    assert [row["index"] for row in page["pictures"]] == np.flatnonzero(sample.train_labels == 8)[3:7].tolist()
    assert {row["label"] for row in page["pictures"]} == {"Bag"}


@pytest.mark.usefixtures("unpacked_sample")
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("fashion_mnist_sample/pictures/test/1000.png", 404, "picture_not_found"),
        ("fashion_mnist_sample/pictures/validation/0.png", 404, "picture_not_found"),
        ("fashion_mnist_sample/pictures?split=validation", 404, "picture_not_found"),
        ("fashion_mnist_sample/pictures/all/0.png", 422, "validation_failed"),
        ("fashion_mnist_sample/pictures/test/-1.png", 422, "validation_failed"),
        ("fashion_mnist_sample/pictures/test/0.png?scale=0", 422, "validation_failed"),
        ("fashion_mnist_sample/pictures/test/0.png?scale=65", 422, "validation_failed"),
        ("fashion_mnist_sample/pictures?label=Hat", 422, "validation_failed"),
        ("fashion_mnist_sample/pictures?label=10", 422, "validation_failed"),
        ("fashion_mnist_sample/pictures?limit=501", 422, "validation_failed"),
        ("nothing/pictures/test/0.png", 404, "dataset_not_found"),
        ("nothing/pictures", 404, "dataset_not_found"),
        ("cifar10/pictures/test/0.png", 409, "dataset_not_ready"),
    ],
)
async def test_what_is_not_there_is_refused(api: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    answer = await api.get(f"/datasets/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_pictures_of_an_upload(api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore) -> None:
    await upload(api, zipped(two_classes(10)))
    fingerprint = (await converted(api))["fingerprint"]
    page = (await api.get("/datasets/pets/pictures?split=train&label=light")).json()
    assert page["total"] == 8
    pictures = [pixels_of(await api.get(row["url"])) for row in page["pictures"]]
    folder = settings.datasets_path / "uploaded" / fingerprint
    images = np.load(folder / "train-images.npy")
    for row, picture in zip(page["pictures"], pictures, strict=True):
        assert np.array_equal(picture, images[row["index"], ..., 0])
    (folder / "train-images.npy").write_bytes(b"cut")  # a copy that the disk lost comes from the store again
    assert np.array_equal(pixels_of(await api.get(page["pictures"][0]["url"])), pictures[0])
    store.datasets.delete("pets")
    assert (await api.get(page["pictures"][0]["url"])).json()["code"] == "dataset_not_found"


async def test_without_space_for_the_arrays_nothing_is_unpacked(
    api: httpx.AsyncClient, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.datasets.pictures.has_space_for", lambda *_: False)
    answer = await api.get(f"{SAMPLE}/test/0.png")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert not (settings.datasets_path / "unpacked").exists()
