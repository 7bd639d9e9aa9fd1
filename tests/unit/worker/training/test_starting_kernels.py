"""Filters that are not drawn: those that pass channels on, and those that whiten patches."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.plans import SAMPLE
from worker.training.kernels.identity import with_identity
from worker.training.kernels.whitening import whitening_filters


def applied(maps: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A convolution without padding."""
    windows = np.lib.stride_tricks.sliding_window_view(maps, kernel.shape[:2], axis=(1, 2))
    result: NDArray[np.float32] = np.einsum("nyxcij,ijcf->nyxf", windows, kernel)
    return result


@pytest.mark.parametrize(("channels", "filters"), [(3, 5), (5, 3)])
def test_identity_filters_pass_channels_on_and_the_others_stay_as_drawn(channels: int, filters: int) -> None:
    random = np.random.default_rng(1)
    drawn = random.normal(size=(3, 3, channels, filters)).astype(np.float32)
    maps = random.normal(size=(2, 6, 7, channels)).astype(np.float32)
    result = applied(maps, with_identity(drawn))
    passed = min(channels, filters)
    assert result[..., :passed] == pytest.approx(maps[:, 1:-1, 1:-1, :passed])
    assert result[..., passed:] == pytest.approx(applied(maps, drawn)[..., passed:])


@pytest.mark.parametrize("channels", [1, 3])
def test_whitened_patches_are_uncorrelated_with_unit_variance(channels: int) -> None:
    grey = SAMPLE.train_images[:300].astype(np.float32) / 255
    noise = np.random.default_rng(1).normal(0, 0.2, (*grey.shape[:3], channels)).astype(np.float32)
    maps = (grey * np.linspace(1, 2, channels, dtype=np.float32) + noise).astype(np.float32)
    kernel, bias = whitening_filters(maps, (2, 2), 8 * channels)
    values = (applied(maps, kernel) + bias)[..., ::2].reshape(-1, 4 * channels)  # every second filter is the negative
    assert np.abs(values.mean(axis=0)).max() < 0.01
    covariance = values.T @ values / len(values)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.02
    assert 0.5 < np.diag(covariance).min() <= np.diag(covariance).max() < 1.01


def test_every_component_has_both_signs_and_further_filters_repeat_them() -> None:
    maps = np.random.default_rng(1).random((20, 6, 6, 1), dtype=np.float32)
    kernel, bias = whitening_filters(maps, (2, 2), 11)
    flat = kernel.reshape(4, 11)
    assert flat[:, 0:8:2] == pytest.approx(-flat[:, 1:8:2])
    assert flat[:, 8:] == pytest.approx(flat[:, :3])
    assert bias[8:] == pytest.approx(bias[:3])


def test_pictures_of_one_colour_give_finite_filters() -> None:
    kernel, bias = whitening_filters(np.full((5, 4, 4, 3), 0.5, np.float32), (2, 2), 24)
    assert np.isfinite(kernel).all()
    assert np.isfinite(bias).all()
