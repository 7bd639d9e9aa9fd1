import numpy as np
import pytest

from worker.datasets.statistics import ChannelStatistics


def test_sums_beyond_64_bits_cost_nothing() -> None:
    half_black = np.repeat(np.array([0, 255], np.uint8), 500_000).reshape(1, 1000, 1000, 1)
    statistics = ChannelStatistics(1)
    for _ in range(30):
        statistics.add(half_black)
    assert (255 * 15_000_000) ** 2 < 2**64 < 30_000_000 * 15_000_000 * 255**2
    assert statistics.mean == (0.5,)
    assert statistics.deviation == (0.5,)


def test_each_channel_has_its_own() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 6, 3), np.uint8)
    statistics = ChannelStatistics(3)
    statistics.add(images[:20])
    statistics.add(images[20:])
    assert statistics.mean == pytest.approx((images / 255).mean(axis=(0, 1, 2)), abs=1e-6)
    assert statistics.deviation == pytest.approx((images / 255).std(axis=(0, 1, 2)), abs=1e-6)
