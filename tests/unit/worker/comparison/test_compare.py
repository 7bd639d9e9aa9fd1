import pytest

from tests.unit.worker.comparison.records import ended
from worker.comparison import Comparison, compare
from worker.comparison.hyperparameters import flattened, label_of
from worker.jobs.grids import GridRequest, plan_grid
from worker.jobs.plan import plan
from worker.jobs.records import JobFailure, JobRecord
from worker.jobs.states import JobState

OWN: dict[str, list[dict[str, object]]] = {
    "layers": [
        {"type": "conv2d", "filters": 4, "kernel_size": 3},
        {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}


def compared(*jobs: JobRecord) -> Comparison:
    return compare(jobs, "test_accuracy", lambda plan: 61_610)


def test_runs_that_differ_by_their_seed_alone_are_one_setting() -> None:
    jobs = [ended(f"t{seed}", 0.80 + seed / 100, seed=seed, optimizer="sgd") for seed in (1, 2, 3)]
    found = compared(*jobs, *(ended(f"a{seed}", 0.90 + seed / 100, seed=seed, optimizer="adam") for seed in (1, 2, 3)))
    assert [setting.values["optimizer.name"] for setting in found.settings] == ["adam", "sgd"]
    spread = found.settings[1].metrics["test_accuracy"]
    assert spread.n == 3
    assert spread.mean == pytest.approx(0.82)
    assert spread.deviation == pytest.approx(0.01)
    assert found.differ["optimizer.name"] == ["sgd", "adam"]
    assert found.same["dataset"] == "fashion_mnist_sample"
    assert "seed" not in found.differ
    assert found.verdict.kind == "clear"
    assert found.next_requests == ()


def test_with_one_seed_each_it_says_what_to_run_and_that_runs() -> None:
    jobs = [ended(name, 0.8, seed=1, overrides={"activation": name}) for name in ("tanh", "relu")]
    found = compared(*jobs)
    assert found.verdict.kind == "cannot_tell"
    assert "seeds 2, 3" in found.verdict.text
    (body,) = found.next_requests
    assert body["grid"] == {"overrides.activation": ["tanh", "relu"], "seed": [2, 3]}
    planned = plan_grid(GridRequest.model_validate(body), plan)
    assert [job.plan.model_copy(update={"seed": 1}) for job in planned[::2]] == [job.request for job in jobs]


def test_settings_that_are_no_grid_are_asked_for_one_by_one() -> None:
    jobs = [
        ended("a", 0.8, seed=1, batch_size=32),
        ended("b", 0.8, seed=1, batch_size=64, label_smoothing=0.1),
        ended("c", 0.8, seed=1, batch_size=128, label_smoothing=0.2),
    ]
    found = compared(*jobs)
    assert [body["grid"] for body in found.next_requests] == [{"seed": [2, 3]}] * 3
    assert {body.get("batch_size") for body in found.next_requests} == {32, 128, None}  # 64 is the default


def test_a_seed_counts_once() -> None:
    found = compared(ended("old", 0.7, seed=1), ended("new", 0.8, seed=1, after_s=60))
    assert found.settings[0].metrics["test_accuracy"].n == 1
    assert found.runs[0].left_out == "same setting and same seed as job new; counted once"
    assert found.runs[1].left_out is None


def test_what_has_not_ended_well_is_shown_and_does_not_count() -> None:
    failed = ended("f", 0.1, seed=3).model_copy(
        update={
            "state": JobState.FAILED,
            "model": None,
            "error": JobFailure(code="diverged", message="loss became nan"),
        }
    )
    running = ended("r", 0.1, seed=2).model_copy(update={"state": JobState.RUNNING, "model": None})
    found = compared(ended("ok", 0.8, seed=1), failed, running)
    assert found.settings[0].metrics["test_accuracy"].n == 1
    assert found.settings[0].seeds == (1,)
    assert [run.left_out for run in found.runs] == [
        None,
        "failed (diverged): loss became nan",
        "it has not ended",
    ]
    assert found.verdict.text.startswith("So far, 2 of 3 runs have ended.")


def test_different_datasets_are_not_comparable() -> None:
    found = compared(ended("a", 0.8, seed=1), ended("b", 0.9, seed=1, dataset="fashion_mnist"))
    assert found.verdict.kind == "not_comparable"
    assert "fashion_mnist, fashion_mnist_sample" in found.verdict.text


def test_one_changed_layer_shows_as_such() -> None:
    first, *rest = OWN["layers"]
    wider = {"layers": [first | {"filters": 8}, *rest]}
    found = compared(ended("a", 0.8, seed=1, architecture=OWN), ended("b", 0.9, seed=1, architecture=wider))
    assert found.differ == {"architecture.layers.0.filters": [4, 8]}
    assert [setting.label for setting in found.settings] == ["filters 8", "filters 4"]


def test_networks_of_different_outlines_are_one_value_each() -> None:
    plans = [ended("a", 0.8, architecture=OWN).request, ended("b", 0.8).request]
    named, preset = (settings["architecture"] for settings in flattened(plans))
    assert str(named).startswith("own network ")
    assert preset == "lenet5-fashion"


def test_labels_say_as_much_as_is_needed() -> None:
    assert label_of({"overrides.activation": "relu"}) == "relu"
    assert label_of({"optimizer.learning_rate": 0.1 + 0.2, "batch_size": 8}) == "learning rate 0.3, batch size 8"
    assert label_of({"a.name": "x", "b.name": "y"}) == "a.name x, b.name y"
    assert label_of({"optimizer.momentum": None}) == "momentum default"


def test_all_attempts_of_a_run_take_time() -> None:
    at_once, twice = ended("a", 0.8, seed=1), ended("b", 0.8, seed=1, batch_size=64).model_copy(update={"ran_s": 75.5})
    found = compare([at_once, twice], "seconds", lambda plan: None)
    assert [run.metrics["seconds"] for run in found.runs] == [30, 75.5]


def test_the_verdict_says_that_its_group_has_grown_and_what_it_was_tested_on() -> None:
    jobs = [ended(name, 0.8, seed=1, batch_size=size) for name, size in (("a", 32), ("b", 64))]
    assert "grown" not in compared(*jobs).verdict.text
    grown = compare(jobs, "test_accuracy", lambda plan: None, 1).verdict
    assert grown.grown == 1
    assert "The group has grown: 1 run was added later." in grown.text
    quick = compared(*(ended(f"q{seed}", 0.8, seed=seed, test_samples=100) for seed in (1, 2)))
    assert quick.verdict.text.endswith("Tested on 100 pictures of the test split only.")
    mixed = compared(*jobs, ended("q", 0.8, seed=1, test_samples=100))
    assert "different numbers of test pictures" in mixed.verdict.text
