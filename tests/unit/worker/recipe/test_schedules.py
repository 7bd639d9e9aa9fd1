from itertools import pairwise

import pytest
from pydantic import TypeAdapter

from worker.recipe.schedules import Schedule, curve, expand_name, filled_in, rate

EPOCHS, STEPS, PEAK = 12, 50, 0.1
SCHEDULES: TypeAdapter[Schedule] = TypeAdapter(Schedule)


def rates(schedule: object) -> list[float]:
    parsed = filled_in(SCHEDULES.validate_python(expand_name(schedule)), EPOCHS)
    return [rate(parsed, PEAK, step, EPOCHS, STEPS) for step in range(EPOCHS * STEPS)]


def falls(values: list[float]) -> bool:
    return all(later <= earlier for earlier, later in pairwise(values))


def test_a_constant_rate_stays() -> None:
    assert set(rates("constant")) == {PEAK}


def test_steps_fall_by_a_factor_after_every_third_of_the_training() -> None:
    found = rates("step")
    assert [found[epoch * STEPS] for epoch in (0, 4, 8)] == pytest.approx([0.1, 0.01, 0.001])
    assert found[4 * STEPS - 1] == PEAK
    assert len({round(value, 9) for value in found}) == 3


def test_an_exponential_falls_evenly_to_what_is_left() -> None:
    found = rates({"name": "exponential", "final_fraction": 0.01})
    assert found[0] == PEAK
    assert found[len(found) // 2] == pytest.approx(PEAK * 0.1)
    assert found[-1] == pytest.approx(PEAK * 0.01, rel=0.02)
    assert falls(found)


def test_a_cosine_warms_up_and_then_falls_to_nothing() -> None:
    found = rates("cosine")
    peak = found.index(max(found))
    assert peak == pytest.approx(0.05 * len(found), abs=1)
    assert found[0] < 0.02 * PEAK
    assert falls(found[peak:])
    assert found[-1] < 1e-4 * PEAK


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_rises_to_the_full_rate_and_falls(shape: str) -> None:
    found = rates({"name": "one_cycle", "shape": shape})
    peak = found.index(max(found))
    assert found[0] == pytest.approx(0.04 * PEAK)
    assert peak == pytest.approx(0.3 * len(found), abs=1)
    assert found[peak] == pytest.approx(PEAK, rel=0.01)
    assert falls(found[peak:])
    assert falls(found[peak::-1])


def test_a_warm_up_rises_in_a_straight_line() -> None:
    found = rates({"name": "constant", "warmup": 0.5})
    half = len(found) // 2
    assert found[0] == pytest.approx(0.01 * PEAK)
    assert found[half // 2] == pytest.approx(0.505 * PEAK)
    assert set(found[half:]) == {PEAK}


def test_a_curve_holds_the_first_and_the_last_step() -> None:
    points = curve(SCHEDULES.validate_python({"name": "cosine"}), PEAK, EPOCHS, STEPS, points=7)
    assert len(points) == 7
    assert points[0].epoch == 0
    assert points[-1].epoch == pytest.approx(EPOCHS - 1 / STEPS)
    assert len(curve(SCHEDULES.validate_python({"name": "cosine"}), PEAK, 1, 3)) == 3
