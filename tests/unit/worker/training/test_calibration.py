import numpy as np
import pytest

from worker.training.calibration import N_BINS, calibrate


def test_bins_and_error_are_those_worked_by_hand() -> None:
    # Bins of a fifteenth: 0.41 and 0.45 lie in (6/15, 7/15], 0.9 in (13/15, 14/15], 1.0 in the last one.
    confidence = np.array([0.41, 0.45, 0.9, 1.0], np.float32)
    calibration = calibrate(confidence, np.array([True, False, False, True]))
    filled = {place: entry for place, entry in enumerate(calibration.bins) if entry.count}
    assert sorted(filled) == [6, 13, 14]
    assert (filled[6].lower, filled[6].upper, filled[6].count) == (6 / 15, 7 / 15, 2)
    assert filled[6].confidence == pytest.approx(0.43)
    assert filled[6].accuracy == 0.5
    assert filled[13].accuracy == 0.0
    assert (filled[14].confidence, filled[14].accuracy) == (1.0, 1.0)
    # 2/4 · |0.5 - 0.43| + 1/4 · |0 - 0.9| + 1/4 · |1 - 1|
    assert calibration.expected_error == pytest.approx(0.5 * 0.07 + 0.25 * 0.9)
    assert calibration.confidence == pytest.approx((0.41 + 0.45 + 0.9 + 1.0) / 4)


def test_an_edge_belongs_to_the_bin_below_and_what_is_out_of_range_to_the_outermost() -> None:
    confidence = np.array([0.0, 7 / 15, 1.0, np.nextafter(np.float32(1), np.float32(2))], np.float64)
    counts = [entry.count for entry in calibrate(confidence.astype(np.float32), np.ones(4, np.bool_)).bins]
    assert (counts[0], counts[N_BINS - 1], sum(counts)) == (1, 2, 4)


def test_an_empty_bin_has_no_mean() -> None:
    empty = calibrate(np.array([0.5], np.float32), np.array([True])).bins[0]
    assert (empty.count, empty.confidence, empty.accuracy) == (0, None, None)
