import numpy as np
import pytest
from pydantic import ValidationError

from worker.datasets import DATASETS, DatasetNotFound, dataset_info
from worker.datasets.dataset import LabelledImages, fingerprint


def test_the_built_in_datasets_have_their_official_numbers() -> None:
    numbers = {name: (info.n_train, info.n_test, info.image_shape) for name, info in DATASETS.items()}
    assert numbers == {
        "cifar10": (50_000, 10_000, (32, 32, 3)),
        "cifar100": (50_000, 10_000, (32, 32, 3)),
        "fashion_mnist": (60_000, 10_000, (28, 28, 1)),
        "fashion_mnist_sample": (3_000, 1_000, (28, 28, 1)),
        "mnist": (60_000, 10_000, (28, 28, 1)),
    }


@pytest.mark.parametrize("name", DATASETS)
def test_every_class_has_a_name_of_its_own_and_its_counts(name: str) -> None:
    info = dataset_info(name)
    assert info.name == name
    assert len(set(info.classes)) == len(info.train_per_class) == len(info.test_per_class)
    assert len(info.classes) == (100 if name == "cifar100" else 10)


def test_classes_are_in_the_official_order() -> None:
    fashion, cifar = dataset_info("fashion_mnist").classes, dataset_info("cifar10").classes
    assert (fashion[0], fashion[6], fashion[9]) == ("T-shirt/top", "Shirt", "Ankle boot")
    assert (cifar[0], cifar[3], cifar[9]) == ("airplane", "cat", "truck")


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(
        DatasetNotFound, match=r"expected one of cifar10, cifar100, fashion_mnist, .* got 'imagenet'"
    ) as missing:
        dataset_info("imagenet")
    assert missing.value.name == "imagenet"


def test_the_catalog_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        dataset_info("cifar10").title = "Mine"  # type: ignore[misc]
    with pytest.raises(TypeError):
        DATASETS["mine"] = dataset_info("cifar10")  # type: ignore[index]


def split(shape: tuple[int, ...], label: int = 0) -> LabelledImages:
    return LabelledImages(np.zeros(shape, dtype=np.uint8), np.full(shape[0], label, dtype=np.int64))


def test_a_fingerprint_tells_pixels_labels_shapes_and_splits_apart() -> None:
    base = split((2, 3, 4, 1))
    other_pixel = split((2, 3, 4, 1))
    other_pixel.images[1, 2, 3, 0] = 1
    prints = [
        fingerprint(base, base),
        fingerprint(other_pixel, base),
        fingerprint(base, other_pixel),
        fingerprint(split((2, 3, 4, 1), label=1), base),
        fingerprint(split((2, 4, 3, 1)), base),
        fingerprint(split((3, 2, 4, 1)), base),
    ]
    assert len(set(prints)) == len(prints)


def test_a_fingerprint_does_not_depend_on_the_layout_in_memory() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    labels = np.array([1, 0], dtype=np.int64)
    plain, turned = LabelledImages(pixels, labels), LabelledImages(np.asfortranarray(pixels), labels.astype(">i8"))
    assert fingerprint(plain, plain) == fingerprint(turned, turned)
