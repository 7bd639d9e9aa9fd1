"""Gathers the facts about a run from where they are: a job's record, a version's files, or the trainer's objects."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue, TypeAdapter

from model_store import VersionFacts
from worker.architectures import PRESETS
from worker.doctor.commands import body_of, body_of_plan
from worker.doctor.facts import DataFacts, FilterFacts, RunFacts, TestFacts
from worker.jobs.picture_counts import held_out_of
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History, JobRecord
from worker.recipe.options import KERAS_LEARNING_RATES, CompleteOptimizer, complete_optimizer

_OPTIMIZER: TypeAdapter[CompleteOptimizer] = TypeAdapter(CompleteOptimizer)


def facts_of_job(job: JobRecord, classes: tuple[str, ...]) -> RunFacts:
    """What a job's record tells while it runs: the plan and the epochs so far.

    Args:
        job: as it is now.
        classes: of its dataset.
    """
    held_out = held_out_of(job.request.validation, job.request.train_samples)
    return facts_of_plan(
        job.request, classes, job.history, validation_pictures=held_out or None, is_running=not job.is_finished
    )


def facts_of_plan(
    plan: TrainingPlan,
    classes: tuple[str, ...],
    history: History,
    *,
    validation_pictures: int | None,
    keeps_best: bool | None = None,
    is_running: bool = False,
    test: TestFacts | None = None,
    data: DataFacts | None = None,
    filters: tuple[FilterFacts, ...] | None = None,
) -> RunFacts:
    """The facts of a run whose plan is known.

    `keeps_best` is None until it is known: then the plan decides, which does not know of a request to finish early.
    """
    return RunFacts(
        request=body_of_plan(plan),
        classes=classes,
        optimizer=plan.optimizer.name,
        learning_rate=plan.optimizer.learning_rate,
        batch_size=plan.batch_size,
        train_pictures=plan.train_samples - held_out_of(plan.validation, plan.train_samples),
        validation_pictures=validation_pictures,
        keeps_best=plan.early_stopping is not None if keeps_best is None else keeps_best,
        has_class_weights=plan.class_weights is not None,
        is_running=is_running,
        history=history,
        test=test,
        data=data,
        filters=filters,
    )


def facts_of_version(
    version: VersionFacts, history: History | None = None, evaluation: Mapping[str, Any] | None = None
) -> RunFacts:
    """What a version tells that was published before the doctor, as far as its files have been read.

    Args:
        version: its manifest.
        history: of its `history.json`.
        evaluation: content of its `evaluation.json`.
    """
    recipe = version.recipe
    optimizer = _optimizer(recipe.get("optimizer"))
    train_samples = _number(recipe.get("train_samples"), 0)
    held_out = held_out_of(recipe.get("validation"), train_samples)
    return RunFacts(
        request=repeating_body(version),
        classes=version.classes,
        optimizer=optimizer.name,
        learning_rate=optimizer.learning_rate,
        batch_size=_number(recipe.get("batch_size"), 32),
        # A version from elsewhere may not say; then no rule may conclude that there were few.
        train_pictures=train_samples - held_out if train_samples else 10**6,
        validation_pictures=held_out or None,
        keeps_best=recipe.get("early_stopping") is not None,
        has_class_weights=recipe.get("class_weights") is not None,
        history=history or History(),
        test=_test(version, evaluation),
    )


def repeating_body(version: VersionFacts) -> dict[str, JsonValue]:
    """The body of `POST /jobs` that repeats the run of a version."""
    name = str(version.recipe.get("architecture"))
    if name in PRESETS:
        return body_of(version.recipe, name)
    # The description in the manifest has the overrides applied.
    plan = {field: value for field, value in version.recipe.items() if field != "overrides"}
    return body_of(plan, dict(version.architecture))


def test_facts_of(evaluation: Mapping[str, Any]) -> TestFacts:
    """The numbers of an evaluation that rules need. Takes the content of `evaluation.json`."""
    matrix = evaluation["confusion_matrix"]
    calibration = evaluation.get("calibration") or {}
    return TestFacts(
        accuracy=evaluation["accuracy"],
        loss=evaluation["loss"],
        answers=tuple(sum(column) for column in zip(*matrix, strict=True)),
        truth=tuple(sum(row) for row in matrix),
        confidence=calibration.get("confidence"),
        calibration_error=calibration.get("expected_error"),
    )


def _test(version: VersionFacts, evaluation: Mapping[str, Any] | None) -> TestFacts | None:
    if evaluation is not None:
        return test_facts_of(evaluation)
    metrics = version.metrics
    if "test_accuracy" not in metrics or "test_loss" not in metrics:
        return None
    return TestFacts(accuracy=metrics["test_accuracy"], loss=metrics["test_loss"])


def _optimizer(value: object) -> CompleteOptimizer:
    try:
        return _OPTIMIZER.validate_python(complete_optimizer(value))
    except ValueError:
        return CompleteOptimizer(name="adam", learning_rate=KERAS_LEARNING_RATES["adam"], weight_decay=0.0)


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) else default
