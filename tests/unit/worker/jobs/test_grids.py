from typing import Any

import pytest
from pydantic import ValidationError

from worker.jobs.grids import GridRequest, PlannedJob, plan_grid
from worker.jobs.plan import plan
from worker.jobs.request import RequestInvalid

BASE = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1}


def planned(grid: dict[str, Any], **body: object) -> list[PlannedJob]:
    return plan_grid(GridRequest.model_validate(BASE | body | {"grid": grid}), plan)


def refused(grid: dict[str, Any], **body: object) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as caught:
        planned(grid, **body)
    return caught.value


def test_every_combination_is_a_job_the_last_field_varying_fastest() -> None:
    jobs = planned({"overrides.activation": ["tanh", "relu"], "seed": [1, 2, 3]})
    assert [tuple(job.varied.values()) for job in jobs] == [
        *(("tanh", 1), ("tanh", 2), ("tanh", 3)),
        *(("relu", 1), ("relu", 2), ("relu", 3)),
    ]
    assert all(
        job.plan.overrides and job.plan.overrides.activation == job.varied["overrides.activation"] for job in jobs
    )
    assert [job.plan.seed for job in jobs] == [1, 2, 3, 1, 2, 3]


def test_without_a_seed_all_jobs_share_a_drawn_one() -> None:
    jobs = planned({"batch_size": [8, 16, 32]})
    assert len({job.plan.seed for job in jobs}) == 1


def test_a_field_the_grid_varies_may_be_left_out_or_is_replaced() -> None:
    body = GridRequest.model_validate({"dataset": "fashion_mnist_sample", "grid": {"architecture": ["cnn", "lenet5"]}})
    assert [job.plan.architecture for job in plan_grid(body, plan)] == ["cnn", "lenet5"]
    assert [job.plan.epochs for job in planned({"epochs": [2, 3]}, epochs=9)] == [2, 3]


@pytest.mark.parametrize("optimizer", ["sgd", {"name": "sgd", "momentum": 0.5}])
def test_a_path_leads_into_an_object_or_a_name_that_stands_for_one(optimizer: object) -> None:
    jobs = planned({"optimizer.learning_rate": [0.1, 0.2]}, optimizer=optimizer)
    assert [job.plan.optimizer.learning_rate for job in jobs] == [0.1, 0.2]
    assert {job.plan.optimizer.name for job in jobs} == {"sgd"}


def test_a_part_of_the_optimizer_needs_no_name_whatever_else_varies() -> None:
    jobs = planned({"optimizer.learning_rate": [0.1, 0.2], "architecture": ["lenet5-fashion", "cnn"]})
    for job in jobs:
        alone = planned({"seed": [1]}, architecture=job.varied["architecture"])[0].plan.optimizer
        assert job.plan.optimizer.name == alone.name
        assert job.plan.optimizer.learning_rate == job.varied["optimizer.learning_rate"]
    (job,) = planned({"optimizer.name": ["rmsprop"]})
    assert job.plan.optimizer.name == "rmsprop"
    (job,) = planned({"optimizer.learning_rate": [0.3]}, optimizer={"momentum": 0.7})
    assert (job.plan.optimizer.learning_rate, job.plan.optimizer.momentum) == (0.3, 0.7)


def test_a_path_leads_into_the_layers_of_ones_own_network() -> None:
    layers: list[dict[str, object]] = [
        {"type": "conv2d", "filters": 4, "kernel_size": 3},
        {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
    jobs = planned({"architecture.layers.0.filters": [2, 3]}, architecture={"layers": layers})
    dumped = [job.plan.model_dump(mode="json")["architecture"]["layers"][0]["filters"] for job in jobs]
    assert dumped == [2, 3]
    assert layers[0]["filters"] == 4
    error = refused({"architecture.layers.3.filters": [2]}, architecture={"layers": layers})
    assert error.message.startswith("there is no such entry; expected a number from 0 to 2, got '3'")


def test_one_bad_combination_refuses_all_and_is_named_with_its_field() -> None:
    error = refused({"batch_size": [8, 0], "seed": [1, 2]})
    assert error.loc == ("grid", "batch_size", 1)
    assert "batch_size=0, seed=1" in error.message
    error = refused({"architecture": ["cnn", "lenet6"], "seed": [1]})
    assert error.loc == ("grid", "architecture", 1)
    assert "lenet6" in error.message
    error = refused({"optimizer": ["adam", {"name": "adam", "momentum": 0.9}]})
    assert error.loc[:3] == ("grid", "optimizer", 1)
    assert "momentum is not a setting of adam" in error.message


def test_a_fault_outside_the_grid_names_the_requests_own_field() -> None:
    assert refused({"seed": [1, 2]}, epochs=0).loc == ("epochs",)
    assert refused({"seed": [1, 2]}, epoch=3).loc == ("epoch",)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"batch_size": list(range(1, 12)), "seed": list(range(10))}, "got 11 x 10 = 110"),
        ({"seed": [1, 1]}, "a value appears twice"),
        ({"optimizer": ["adam"], "optimizer.learning_rate": [0.1]}, "is part of 'optimizer'"),
        ({"optimizer": ["adam", {"name": "adam"}]}, "are the same job"),
        ({".".join("abcdefghijklm"): [1]}, "no field is that deep"),
    ],
)
def test_grids_that_make_no_sense_are_refused(grid: dict[str, Any], words: str) -> None:
    error = refused(grid)
    assert words in error.message
    assert error.loc[0] == "grid"


def test_combinations_are_drawn_from_lists_and_ranges() -> None:
    grid = {
        "optimizer.learning_rate": {"low": 0.0001, "high": 0.1, "scale": "log"},
        "batch_size": {"low": 8, "high": 64, "integer": True},
        "overrides.activation": ["tanh", "relu"],
    }
    jobs = planned(grid, random={"jobs": 12, "seed": 5})
    assert len(jobs) == 12
    assert [job.varied for job in jobs] == [job.varied for job in planned(grid, random={"jobs": 12, "seed": 5})]
    assert [job.varied for job in jobs] != [job.varied for job in planned(grid, random={"jobs": 12, "seed": 6})]
    rates = [job.plan.optimizer.learning_rate for job in jobs]
    assert all(0.0001 <= rate <= 0.1 for rate in rates)
    assert sum(rate < 0.003 for rate in rates) >= 2
    assert all(8 <= job.plan.batch_size <= 64 for job in jobs)
    assert len({job.plan.seed for job in jobs}) == 1


def test_no_combination_is_drawn_twice_and_there_may_be_fewer() -> None:
    assert sorted(job.plan.batch_size for job in planned({"batch_size": [8, 16, 32]}, random=50)) == [8, 16, 32]


def test_ranges_and_draws_that_make_no_sense_are_refused() -> None:
    assert "expected a list, or `random`" in refused({"batch_size": {"low": 8, "high": 64}}).message
    far = refused({"optimizer.learning_rate": {"low": -2, "high": -1}}, random=2)
    assert far.loc[:2] == ("grid", "optimizer.learning_rate")
    for wrong in ({"low": 2, "high": 1}, {"low": 0, "high": 1, "scale": "log"}, {"low": 0, "high": 1, "step": 1}):
        with pytest.raises(ValidationError):
            planned({"batch_size": wrong}, random=2)
    for search in (0, 101, {"jobs": 2, "tries": 1}):
        with pytest.raises(ValidationError):
            planned({"batch_size": [8, 16]}, random=search)
