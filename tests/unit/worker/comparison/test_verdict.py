import math

import pytest

from worker.comparison.run_metrics import METRICS
from worker.comparison.student_t import t_quantile, welch_interval
from worker.comparison.verdict import Contender, judge

ACCURACY, LOSS = METRICS["test_accuracy"], METRICS["test_loss"]


@pytest.mark.parametrize(
    ("probability", "df", "expected"),
    [
        # Printed tables of Student's t.
        (0.975, 1, 12.7062),
        (0.975, 2, 4.3027),
        (0.975, 4, 2.7764),
        (0.995, 4, 4.6041),
        (0.9995, 3, 12.9240),
        (0.975, 30, 2.0423),
        (0.95, 120, 1.6577),
    ],
)
def test_the_quantiles_are_those_of_the_printed_tables(probability: float, df: float, expected: float) -> None:
    assert t_quantile(probability, df) == pytest.approx(expected, abs=6e-5)


def test_with_two_degrees_of_freedom_the_quantile_has_a_formula() -> None:
    for probability in (0.6, 0.9, 0.975, 0.9999):
        x = 2 * probability - 1
        assert t_quantile(probability, 2) == pytest.approx(x * math.sqrt(2 / (1 - x * x)), rel=1e-6)


def test_equal_spreads_give_the_classic_interval() -> None:
    # Variances 1 and 1, three values each: 4 degrees of freedom, standard error sqrt(2/3) = 0.8165, times 2.7764.
    difference, low, high = welch_interval((11, 12, 13), (1, 2, 3), 0.95)
    assert (difference, low, high) == pytest.approx((10, 10 - 2.26695, 10 + 2.26695), abs=1e-4)


def test_unequal_spreads_cost_degrees_of_freedom() -> None:
    # Variances 1 and 4: (1/3 + 4/3)² / ((1/3)²/2 + (4/3)²/2) = 50/17 degrees of freedom, standard error sqrt(5/3).
    difference, low, high = welch_interval((1, 2, 3), (2, 4, 6), 0.95)
    assert difference == pytest.approx(-2)
    assert (high - low) / 2 == pytest.approx(t_quantile(0.975, 50 / 17) * math.sqrt(5 / 3))


def test_values_without_any_spread_give_a_point() -> None:
    assert welch_interval((0.5, 0.5), (0.5, 0.5), 0.95) == (0, 0, 0)


def contender(label: str, *values: float) -> Contender:
    return Contender(label=label, values=values)


def test_a_difference_larger_than_the_noise_is_clear() -> None:
    verdict = judge([contender("tanh", 0.80, 0.81, 0.79), contender("relu", 0.85, 0.86, 0.84)], ACCURACY)
    # Standard error sqrt(2 * 0.0001 / 3) = 0.8165 points; 5 ± 2.267.
    assert verdict.kind == "clear"
    assert verdict.text == (
        "relu is ahead of tanh by 5.0 points (95 % interval 2.7 to 7.3) in test accuracy: larger than the noise."
    )


def test_a_difference_within_the_noise_is_not() -> None:
    verdict = judge([contender("tanh", 0.80, 0.81, 0.79), contender("relu", 0.81, 0.82, 0.80)], ACCURACY, "Run more.")
    assert verdict.kind == "no_clear_difference"
    assert verdict.text.startswith(
        "No clear difference: relu is ahead of tanh by 1.0 points (95 % interval -1.3 to 3.3)"
    )
    assert verdict.text.endswith("within the noise. Run more.")


def test_one_run_each_cannot_tell_however_large_the_difference() -> None:
    verdict = judge([contender("tanh", 0.1), contender("relu", 0.9)], ACCURACY)
    assert verdict.kind == "cannot_tell"
    assert verdict.text.startswith("One run each: cannot tell.")
    assert verdict.differences[0].clear is None
    uneven = judge([contender("tanh", 0.1), contender("relu", 0.9, 0.8)], ACCURACY)
    assert uneven.text.startswith("Too few runs: cannot tell.")
    assert "one run does not show" in uneven.text


def test_a_lower_loss_is_ahead() -> None:
    verdict = judge([contender("a", 0.50, 0.51, 0.49), contender("b", 0.40, 0.41, 0.39)], LOSS)
    assert verdict.leader == "b"
    assert verdict.differences[0].difference == pytest.approx(0.1)
    assert verdict.kind == "clear"


def test_with_more_settings_the_intervals_grow_wider() -> None:
    pair = [contender("a", 0.80, 0.81, 0.79), contender("b", 0.775, 0.785, 0.765)]
    assert judge(pair, ACCURACY).kind == "clear"
    crowd = [*pair, contender("c", 0.1, 0.11, 0.12)]
    verdict = judge(crowd, ACCURACY)
    # Three pairs: each interval holds with 98.33 %, t = 3.96 instead of 2.78 with 4 degrees of freedom.
    assert verdict.kind == "partly_clear"
    assert verdict.differences[0].low == pytest.approx(0.025 - 3.961 * 0.008165, abs=1e-4)
    assert "ahead of 1 of 2 others" in verdict.text
    assert "not clearly ahead of b by 2.5 points" in verdict.text


def test_a_single_setting_has_a_mean_and_nothing_to_beat() -> None:
    verdict = judge([contender("all", 0.80, 0.82)], ACCURACY)
    assert verdict.kind == "one_setting"
    assert "81.0 % on average, from 80.0 % to 82.0 %" in verdict.text
    assert judge([], ACCURACY).kind == "cannot_tell"
