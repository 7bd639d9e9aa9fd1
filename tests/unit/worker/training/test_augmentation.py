import numpy as np
import pytest
from numpy.typing import NDArray

from worker.datasets.dataset import LabelledImages
from worker.recipe.options import Augmentation
from worker.training.augmentation import Augmenter, mean_colour
from worker.training.feeding import TrainingData

N, SIDE = 64, 12
PICTURES = np.random.default_rng(1).integers(20, 236, (N, SIDE, SIDE, 3), np.uint8)
COLOUR = np.array([1, 2, 3], np.uint8)
SWITCHES: list[dict[str, object]] = [
    {"horizontal_flip": True},
    {"shift_pixels": 2},
    {"rotation_degrees": 20},
    {"cutout_pixels": 4},
    {"brightness": 0.3},
    {"contrast": 0.5},
]


def turned(seed: int = 1, **options: object) -> NDArray[np.uint8]:
    augmenter = Augmenter(Augmentation.model_validate(options), COLOUR)
    return augmenter.change_geometry(PICTURES.copy(), np.random.default_rng(seed))


def lit(pictures: NDArray[np.float32], **options: object) -> NDArray[np.float32]:
    inputs = pictures.copy()
    Augmenter(Augmentation.model_validate(options), COLOUR).change_light(inputs, np.random.default_rng(1))
    return inputs


def fed(seed: int, **options: object) -> list[NDArray[np.float32]]:
    """An epoch's inputs and targets; every picture has a class of its own."""
    augmentation = Augmentation.model_validate(options)
    augmenter = Augmenter(augmentation, COLOUR) if augmentation.is_on else None
    pictures = LabelledImages(PICTURES, np.arange(N))
    data = TrainingData(pictures, np.eye(N, dtype=np.float32), None, augmenter, batch_size=16, seed=seed)
    return [np.concatenate(parts) for parts in zip(*data.epoch(0), strict=True)]


def test_a_flip_mirrors_about_half_of_the_pictures_and_leaves_the_others() -> None:
    found = turned(horizontal_flip=True)
    mirrored = (found == PICTURES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert N / 4 < mirrored.sum() < N * 3 / 4
    np.testing.assert_array_equal(found[~mirrored], PICTURES[~mirrored])


@pytest.mark.parametrize("padding", ["reflect", "zero"])
def test_a_shift_shows_a_window_of_the_padded_picture(padding: str) -> None:
    found = turned(shift_pixels=2, padding=padding)
    border = ((0, 0), (2, 2), (2, 2), (0, 0))
    padded = np.pad(PICTURES, border, "reflect") if padding == "reflect" else np.pad(PICTURES, border)
    offsets = set()
    for picture, whole in zip(found, padded, strict=True):
        fits = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if (whole[top : top + SIDE, left : left + SIDE] == picture).all()
        ]
        assert len(fits) == 1
        offsets.add(fits[0])
    assert {top for top, _ in offsets} == {left for _, left in offsets} == set(range(5))


def test_a_rotation_keeps_the_middle_and_turns_the_rest() -> None:
    gradient = np.zeros((N, SIDE, SIDE, 1), np.uint8)
    gradient[:, :, SIDE // 2 :] = 200
    augmenter = Augmenter(Augmentation(rotation_degrees=90), COLOUR[:1])
    found = augmenter.change_geometry(gradient.copy(), np.random.default_rng(1))
    assert found.shape == gradient.shape
    assert (found != gradient).any(axis=(1, 2, 3)).sum() > N / 2
    assert (found[:, 2, SIDE // 2 + 1] != found[:, -3, SIDE // 2 + 1]).any()


def test_cutout_paints_one_square_with_the_colour_given() -> None:
    found = turned(cutout_pixels=4)
    painted = (found == COLOUR).all(axis=-1)
    np.testing.assert_array_equal(found[~painted], PICTURES[~painted])
    for mask in painted:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == len(rows) * len(columns)
        assert 1 <= len(rows) <= 4
        assert 1 <= len(columns) <= 4


def test_brightness_moves_a_picture_as_a_whole_and_stays_in_range() -> None:
    grey = np.full((N, SIDE, SIDE, 3), 0.5, np.float32)
    moved = lit(grey, brightness=0.3)[:, 0, 0, 0] - 0.5
    assert np.abs(moved).max() <= 0.3 + 1e-6
    assert moved.min() < -0.1
    assert moved.max() > 0.1
    extreme = lit(PICTURES.astype(np.float32) / np.float32(255), brightness=1)
    assert (extreme.min(), extreme.max()) == (0, 1)


def test_contrast_keeps_a_pictures_mean_and_changes_its_spread() -> None:
    pictures = np.float32(0.4) + PICTURES.astype(np.float32) / np.float32(1275)
    found = lit(pictures, contrast=0.5)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), pictures.mean(axis=(1, 2, 3)), atol=1e-4)
    gains = found.std(axis=(1, 2, 3)) / pictures.std(axis=(1, 2, 3))
    assert 0.5 - 1e-3 <= gains.min() < 0.8
    assert 1.2 < gains.max() <= 1.5 + 1e-3


@pytest.mark.parametrize("options", SWITCHES)
def test_labels_stay_and_the_same_seed_gives_the_same_pictures(options: dict[str, object]) -> None:
    plain_inputs, plain_targets = fed(seed=1)
    inputs, targets = fed(seed=1, **options)
    np.testing.assert_array_equal(targets, plain_targets)
    assert (inputs != plain_inputs).any()
    np.testing.assert_array_equal(inputs, fed(seed=1, **options)[0])
    assert (inputs != fed(seed=2, **options)[0]).any()


def test_the_datasets_own_pictures_stay_as_they_are() -> None:
    before = PICTURES.copy()
    fed(seed=1, horizontal_flip=True, cutout_pixels=4, rotation_degrees=10)
    np.testing.assert_array_equal(before, PICTURES)


def test_the_mean_colour_is_a_channels_mean() -> None:
    pictures = np.zeros((10, 2, 2, 3), np.uint8)
    pictures[..., 1] = 100
    assert mean_colour(pictures).tolist() == [0, 100, 0]
