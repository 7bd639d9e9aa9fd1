"""Puts runs side by side: runs that differ only by their seed are one setting, with a mean and a spread."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from worker.comparison.followup import followup
from worker.comparison.hyperparameters import Flat, flattened, label_of, same_and_different
from worker.comparison.remarks import remarks
from worker.comparison.run_metrics import METRICS, Metric, MetricName
from worker.comparison.verdict import Contender, Verdict, judge, not_comparable
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History, JobFailure, JobRecord, PublishedModel
from worker.jobs.states import JobState


class Run(BaseModel, defer_build=True):
    """One job of a comparison."""

    model_config = ConfigDict(frozen=True)

    job: str
    state: JobState
    setting: str = Field(description="Label of the setting it belongs to.")
    seed: int | None
    left_out: str | None = Field(description="Why its numbers do not count; null if they count.")
    metrics: dict[MetricName, float] = Field(description="Its numbers so far.")
    best_epoch: int | None = Field(description="Epoch with the best validation accuracy, from 1.")
    history: History
    model: PublishedModel | None
    error: JobFailure | None


class Spread(BaseModel, defer_build=True):
    """One number over the runs of a setting."""

    model_config = ConfigDict(frozen=True)

    n: int = Field(description="Number of runs, each with another seed.")
    mean: float
    deviation: float | None = Field(description="Sample standard deviation, with n - 1; null for a single run.")
    lowest: float
    highest: float


class Setting(BaseModel, defer_build=True):
    """Runs that differ only by their seed."""

    model_config = ConfigDict(frozen=True)

    label: str
    values: dict[str, JsonValue] = Field(description="Its values for the fields that differ; null where it has none.")
    jobs: tuple[str, ...]
    seeds: tuple[int, ...] = Field(description="Seeds of the runs that count.")
    parameters: int | None = Field(description="Parameters of its network; null if its dataset is gone.")
    metrics: dict[MetricName, Spread]


class Comparison(BaseModel, defer_build=True):
    """Runs side by side."""

    model_config = ConfigDict(frozen=True)

    metric: MetricName = Field(description="The number by which settings are ranked and judged.")
    verdict: Verdict
    differ: dict[str, list[JsonValue]] = Field(description="Fields that differ: path → all values.")
    same: dict[str, JsonValue] = Field(description="Fields that are the same in all runs: path → value.")
    settings: tuple[Setting, ...] = Field(description="Best first; those without a result last.")
    runs: tuple[Run, ...] = Field(description="In the order they were asked for.")
    next_requests: tuple[dict[str, JsonValue], ...] = Field(
        description="Bodies for `POST /jobs` that would make the verdict more certain; empty if it is clear."
    )


def compare(
    jobs: Sequence[JobRecord],
    metric: MetricName,
    count_parameters: Callable[[TrainingPlan], int | None],
    grown: int = 0,
) -> Comparison:
    """Compare jobs in any state; only those that have succeeded count.

    Args:
        jobs: at least one.
        metric: by which settings are ranked.
        count_parameters: returns the number of parameters of a plan's network, or None if it is unknown.
        grown: how many of the jobs were added to their group later; the verdict says so.
    """
    measure = METRICS[metric]
    flat = flattened([job.request for job in jobs])
    same, paths = same_and_different(flat)
    groups: dict[str, list[JobRecord]] = defaultdict(list)
    values_of: dict[str, Flat] = {}
    for job, settings in zip(jobs, flat, strict=True):
        values: Flat = {path: settings.get(path) for path in paths}
        key = json.dumps(values)
        groups[key].append(job)
        values_of[key] = values
    reasons = {job.id: reason for group in groups.values() for job, reason in _left_out(group)}
    settings_found = [_setting(values_of[key], group, reasons, count_parameters) for key, group in groups.items()]
    ranked = sorted(settings_found, key=lambda setting: _rank(setting, metric, measure))
    label_by_job = {job: setting.label for setting in ranked for job in setting.jobs}
    by_id = {job.id: job for job in jobs}
    verdict, follow_up = _verdict(ranked, by_id, reasons, measure, differ=paths)
    return Comparison(
        metric=metric,
        verdict=verdict.with_remarks(remarks([job.request for job in jobs], grown), grown),
        differ={path: _distinct([settings.get(path) for settings in flat]) for path in paths},
        same=same,
        settings=tuple(ranked),
        runs=tuple(_run(job, label_by_job[job.id], reasons[job.id]) for job in jobs),
        next_requests=tuple(follow_up),
    )


def _left_out(group: Sequence[JobRecord]) -> list[tuple[JobRecord, str | None]]:
    """Each job of a setting with the reason why it does not count, or None.

    Two runs of a setting with the same seed are not independent: only the later one counts.
    """
    latest: dict[int, str] = {}
    for job in sorted(group, key=lambda job: job.created_at):
        if job.state is JobState.SUCCEEDED:
            latest[job.request.seed] = job.id
    return [(job, _reason(job, latest.get(job.request.seed))) for job in group]


def _reason(job: JobRecord, counted: str | None) -> str | None:
    if job.state is JobState.SUCCEEDED:
        return None if counted == job.id else f"same setting and same seed as job {counted}; counted once"
    if job.state is JobState.FAILED and job.error is not None:
        return f"failed ({job.error.code}): {job.error.message}"
    return {JobState.QUEUED: "it has not begun", JobState.RUNNING: "it has not ended"}.get(job.state, "was cancelled")


def _setting(
    values: Flat,
    group: Sequence[JobRecord],
    reasons: Mapping[str, str | None],
    count_parameters: Callable[[TrainingPlan], int | None],
) -> Setting:
    counted = [job for job in group if reasons[job.id] is None]
    found = {name: [metric.read(job) for job in counted] for name, metric in METRICS.items()}
    known = {name: [value for value in numbers if value is not None] for name, numbers in found.items()}
    return Setting(
        label=label_of(values) if values else group[0].request.architecture_name,
        values=values,
        jobs=tuple(job.id for job in group),
        seeds=tuple(job.request.seed for job in counted),
        parameters=count_parameters(group[0].request),
        metrics={name: _spread(numbers) for name, numbers in known.items() if numbers},
    )


def _spread(numbers: Sequence[float]) -> Spread:
    return Spread(
        n=len(numbers),
        mean=mean(numbers),
        deviation=stdev(numbers) if len(numbers) > 1 else None,
        lowest=min(numbers),
        highest=max(numbers),
    )


def _rank(setting: Setting, name: MetricName, metric: Metric) -> float:
    spread = setting.metrics.get(name)
    if spread is None:
        return float("inf")
    return -spread.mean if metric.higher_is_better else spread.mean


def _run(job: JobRecord, setting: str, left_out: str | None) -> Run:
    read = {name: metric.read(job) for name, metric in METRICS.items()}
    validated = job.history.val_accuracy
    return Run(
        job=job.id,
        state=job.state,
        setting=setting,
        seed=job.request.seed,
        left_out=left_out,
        metrics={name: value for name, value in read.items() if value is not None},
        best_epoch=validated.index(max(validated)) + 1 if validated else None,
        history=job.history,
        model=job.model,
        error=job.error,
    )


def _verdict(
    settings: Sequence[Setting],
    jobs: Mapping[str, JobRecord],
    reasons: Mapping[str, str | None],
    metric: Metric,
    differ: Sequence[str],
) -> tuple[Verdict, list[dict[str, JsonValue]]]:
    """The verdict and, once all runs have ended, the requests that would make it more certain."""
    counted = [[jobs[job] for job in setting.jobs if reasons[job] is None] for setting in settings]
    read = [[metric.read(job) for job in group] for group in counted]
    contenders = [
        Contender(label=setting.label, values=tuple(value for value in values if value is not None))
        for setting, values in zip(settings, read, strict=True)
        if values
    ]
    if "dataset" in differ and metric is not METRICS["seconds"]:
        names = sorted({job.request.dataset for job in jobs.values()})
        return not_comparable(
            f"Not comparable: the runs are on different datasets ({', '.join(names)}), whose {metric.title} means "
            "different things."
        ), []
    plain = judge(contenders, metric)
    n_ended = sum(job.is_finished for job in jobs.values())
    if n_ended < len(jobs):
        so_far = f"So far, {n_ended} of {len(jobs)} runs have ended. {plain.text}"
        return plain.model_copy(update={"text": so_far}), []
    if plain.kind == "clear" or len(contenders) < 2:
        return plain, []
    plans = [group[0].request for group in counted if group]
    values = [setting.values for setting, group in zip(settings, counted, strict=True) if group]
    taken = {seed for setting in settings for seed in setting.seeds}
    fewest = min(len(contender.values) for contender in contenders)
    bodies, seeds = followup(plans, values, taken, fewest)
    if not seeds:
        return plain, []
    advice = f"Run each with seeds {', '.join(map(str, seeds))} too, and compare again."
    return judge(contenders, metric, advice), bodies


def _distinct(values: Sequence[JsonValue]) -> list[JsonValue]:
    return list({json.dumps(value): value for value in values}.values())
