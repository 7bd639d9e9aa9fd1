"""The doctor finds planted faults, leaves the lesson's runs alone, and says what to do about what it finds."""

import json
import shlex

import pytest

from tests.unit.worker.doctor.recorded_runs import FAULTS, LESSON, changed, found
from worker.doctor.diagnosis import RULES, diagnose
from worker.doctor.facts import DataFacts, FilterFacts, RunFacts
from worker.doctor.sources import facts_of_plan
from worker.jobs.plan import plan
from worker.jobs.records import History
from worker.jobs.request import JobRequest

HEALTHY = LESSON["lesson-relu"]


def one_class_only(facts: RunFacts) -> RunFacts:
    """A network that has learned to answer with one class, of a dataset that has mostly another."""
    return changed(facts, "test", accuracy=0.2, answers=(980, *(2,) * 9), truth=(200, *(88,) * 9))


def flat(facts: RunFacts) -> RunFacts:
    return changed(facts, "history", loss=(2.1, *(1.95,) * 4), val_loss=(1.9,) * 5, accuracy=(0.3,) * 5)


def uneven(facts: RunFacts) -> RunFacts:
    return changed(facts, "data", train_per_class=(6000, *(400,) * 9))


def leaking(facts: RunFacts) -> RunFacts:
    return changed(facts, "data", in_both_splits=30)


def with_dead_filters(facts: RunFacts) -> RunFacts:
    dead = (FilterFacts(layer="conv2d", filters=16, dead=tuple(range(9))),)
    return facts.model_copy(update={"filters": dead})


def jumping(facts: RunFacts) -> RunFacts:
    values = (0.5, 0.6, 0.66, 0.7, 0.72, 0.6, 0.75, 0.62, 0.76, 0.63)
    return changed(facts, "history", val_accuracy=values, accuracy=values)


def overconfident(facts: RunFacts) -> RunFacts:
    return changed(facts, "test", confidence=0.98, calibration_error=0.17)


PLANTED = {
    "chance_level": FAULTS["fault-lr-adam-1"],
    "one_class": one_class_only(HEALTHY),
    "diverging": FAULTS["fault-lr100"],
    "learning_rate_high": FAULTS["fault-lr100"],
    "learning_rate_low": FAULTS["fault-lr1e-6"],
    "loss_plateau": flat(HEALTHY),
    "underfits": FAULTS["fault-small"],
    "overfits": FAULTS["fault-overfit"],
    "still_improving": LESSON["lesson-first"],
    "noisy_validation": jumping(HEALTHY),
    "overconfident": overconfident(HEALTHY),
    "dead_filters": with_dead_filters(HEALTHY),
    "few_pictures": FAULTS["fault-few"],
    "unbalanced": uneven(HEALTHY),
    "leak": leaking(HEALTHY),
}


@pytest.mark.parametrize("code", PLANTED)
def test_a_planted_fault_is_found_with_its_evidence(code: str) -> None:
    finding = found(PLANTED[code])[code]
    assert finding.evidence
    assert finding.title.endswith(".")
    assert finding.advice
    assert finding.severity == "info" if code in ("still_improving", "overfits") else finding.severity != "info"


def test_every_rule_has_a_planted_fault() -> None:
    assert len(PLANTED) == len(RULES)


@pytest.mark.parametrize("run", LESSON)
def test_the_runs_of_the_lesson_are_left_alone(run: str) -> None:
    assert [finding.code for finding in diagnose(LESSON[run]).findings if finding.severity != "info"] == []


@pytest.mark.parametrize("fault", [one_class_only, flat, uneven, leaking, with_dead_filters, jumping, overconfident])
def test_a_fault_planted_by_hand_is_not_there_before(fault: object) -> None:
    code = next(code for code, facts in PLANTED.items() if facts == fault(HEALTHY))  # type: ignore[operator]
    assert code not in found(HEALTHY)


def test_only_a_version_without_use_is_passed_over() -> None:
    passed_over = {name: diagnose(facts).passed_over for name, facts in (FAULTS | LESSON).items()}
    assert {name: code for name, code in passed_over.items() if code} == {
        "fault-lr100": "chance_level",
        "fault-lr10x": "chance_level",
        "fault-lr-adam-1": "chance_level",
    }


def test_a_trial_of_a_few_steps_is_no_error() -> None:
    """Who tries the software with one epoch of 64 pictures gets a version that answers."""
    short = changed(HEALTHY, "test", accuracy=0.1, loss=2.35, answers=(1000, *(0,) * 9))
    short = changed(short, "history", loss=(2.4,), accuracy=(0.1,), val_loss=(2.3,), val_accuracy=(0.1,))
    short = short.model_copy(update={"train_pictures": 64})
    assert diagnose(short).worst == "warning"
    assert found(short)["chance_level"].severity == "warning"
    confidently_wrong = changed(short, "test", loss=14.0)
    assert found(confidently_wrong)["chance_level"].severity == "error"


def test_a_majority_class_is_the_chance_to_beat() -> None:
    """96 % of the test pictures are one class: 96 % accuracy is no better than always saying so."""
    facts = changed(HEALTHY, "test", accuracy=0.96, answers=(1000, *(0,) * 9), truth=(960, *(4,) * 9))
    assert "chance_level" in found(facts)
    assert "one_class" not in found(facts)


def test_the_worst_finding_comes_first() -> None:
    severities = [finding.severity for finding in diagnose(FAULTS["fault-lr100"]).findings]
    assert severities == sorted(severities, key=("error", "warning", "info").index)
    assert diagnose(HEALTHY.model_copy(update={"history": History(), "test": None})).worst == "none"


@pytest.mark.parametrize("code", PLANTED)
def test_the_command_of_a_finding_can_be_run(code: str) -> None:
    words = shlex.split(found(PLANTED[code])[code].try_.curl)
    assert words[:2] == ["curl", "-s"]
    if words[2].endswith("/jobs"):
        planned = plan(JobRequest.model_validate(json.loads(words[4])))
        assert planned.dataset == PLANTED[code].request["dataset"]


@pytest.mark.parametrize(
    "body",
    [
        {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "overrides": {"activation": "relu"}},
        {"architecture": "fast", "dataset": "cifar10", "augmentation": {}, "label_smoothing": 0.0, "ema": 0.5},
        {
            "architecture": {
                "layers": [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]
            },
            "dataset": "fashion_mnist",
            "optimizer": {"name": "adamw", "weight_decay": 0.1},
            "learning_rate_schedule": "cosine",
            "early_stopping": True,
        },
    ],
)
def test_a_body_repeats_its_plan(body: dict[str, object]) -> None:
    planned = plan(JobRequest.model_validate(body))
    facts = facts_of_plan(planned, ("a", "b"), History(), validation_pictures=None)
    assert plan(JobRequest.model_validate(facts.request)) == planned


def test_a_running_job_is_judged_by_its_validation_pictures() -> None:
    facts = FAULTS["fault-lr100"].model_copy(update={"test": None, "is_running": True})
    assert found(facts)["chance_level"].evidence["split"] == "validation"
    # Slow so far is no fault yet.
    slow = FAULTS["fault-lr1e-6"].model_copy(update={"test": None, "is_running": True})
    assert "chance_level" not in found(slow)
    assert diagnose(slow).worst == "warning"


def test_json_calls_the_command_try() -> None:
    finding = found(FAULTS["fault-few"])["few_pictures"].model_dump(mode="json")
    assert list(finding) == ["code", "severity", "title", "evidence", "advice", "try"]
    assert "curl" in finding["try"]


def test_what_is_unknown_is_no_fault() -> None:
    unknown = HEALTHY.model_copy(update={"data": None, "filters": None, "validation_pictures": None})
    assert set(found(unknown)) <= set(found(HEALTHY))
    assert DataFacts(train_per_class=(5, 5), test_pictures=0).in_both_splits is None
