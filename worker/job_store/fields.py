"""Turns the fields of a Redis hash, which are all text, into the shapes of `worker.jobs.records`, and back."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from worker.jobs.formats import written_by
from worker.jobs.labels import LOCAL_OWNER, Labels
from worker.jobs.model_names import name_of
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import EpochMetrics, History, JobKind, JobRecord, Origin, Progress
from worker.jobs.workers import RunningJob

RUNNING_FIELDS = ("format", "request", "owner", "attempt", "started_at", "progress")
"""Those that `running_job` needs."""


def moment(seconds: str) -> datetime:
    """A time that is kept as seconds since the epoch."""
    return datetime.fromtimestamp(float(seconds), tz=UTC)


_DECODERS: dict[str, Callable[[str], Any]] = dict.fromkeys(
    ("request", "varied", "progress", "history", "model", "error", "tags"), json.loads
) | dict.fromkeys(("created_at", "started_at", "finished_at"), moment)


def job_record(
    fields: Mapping[str, str], position: int | None = None, epochs: Sequence[str] = (), eta_s: float | None = None
) -> JobRecord:
    """A job's record.

    Args:
        fields: of its hash; those that are no part of a record are left out.
        position: in the order of starts, from 1; None when it is not queued.
        epochs: metrics of each epoch (JSON); earlier versions kept a whole history among the fields instead.
        eta_s: seconds until a queued job starts, if that is known.
    """
    values = {name: _DECODERS.get(name, str)(text) for name, text in fields.items() if name in JobRecord.model_fields}
    if epochs:
        best = fields.get("best_epoch")
        rows = map(EpochMetrics.model_validate_json, epochs)
        values["history"] = History.of_epochs(rows, int(best) if best else None)
    return JobRecord.model_validate(
        values
        | {
            "kind": _kind_of(values.get("request") or {}),
            "position": position,
            "eta_s": eta_s,
            "cancel_requested": "cancel_requested" in fields,
            "finish_requested": "finish_requested" in fields,
        }
    )


def running_job(job: str, fields: Mapping[str, str | None]) -> RunningJob:
    """What is shown of a running job, from `RUNNING_FIELDS` of its hash; None stands for a field that is not there."""
    model, dataset, architecture = _names_in(fields["request"])
    started_at, progress = fields["started_at"], fields["progress"]
    return RunningJob(
        job=job,
        owner=fields["owner"] or LOCAL_OWNER,
        model=model,
        dataset=dataset,
        architecture=architecture,
        attempt=int(fields["attempt"] or 0),
        since=moment(started_at) if started_at else None,
        progress=Progress.model_validate_json(progress) if progress else Progress(),
    )


def _kind_of(request: Mapping[str, Any]) -> JobKind:
    if request.get("imported") is not None:
        return "import"
    if request.get("export") is not None:
        return "export"
    if request.get("predictions") is not None:
        return "predictions"
    return "training" if request.get("record") is None else "record"


def new_fields(
    labels: Labels,
    owner: str,
    origin: Origin,
    estimated_bytes: int | None,
    estimated_s: float | None,
    varied: object = None,
    devices: int = 1,
) -> str:
    """The fields of a new job that it has from its submission, as a JSON object of texts; empty ones are left out."""
    fields = {
        **written_by(devices),
        "devices": devices if devices > 1 else None,
        "owner": owner,
        "submitted_by": origin.request_id,
        "traceparent": origin.traceparent,
        "estimated_bytes": estimated_bytes,
        "estimated_s": estimated_s,
        "tags": json.dumps(labels.tags) if labels.tags else None,
        "note": labels.note,
        "priority": labels.priority,
        "notify": labels.notify,
        "varied": json.dumps(varied) if varied else None,
    }
    return json.dumps({name: str(value) for name, value in fields.items() if value})


def facets_of(plan: TrainingPlan, owner: str, tags: Sequence[str], group: str | None) -> str:
    """Names of the indexes that a job is in for as long as it exists, as a JSON list."""
    return _facets(owner, plan.model, plan.dataset, plan.architecture_name, tags, group)


def facets_of_fields(fields: Mapping[str, str]) -> str:
    """The same for a job that an earlier version of the program wrote, from its hash."""
    owner, tags = fields.get("owner", LOCAL_OWNER), json.loads(fields.get("tags", "[]"))
    return _facets(owner, *_names_in(fields.get("request")), tags, fields.get("group"))


def _names_in(request: str | None) -> tuple[str, str, str]:
    """Model, data set and architecture of a request in JSON, without checking the rest of it."""
    plan = json.loads(request or "{}")
    architecture = plan.get("architecture")
    name = name_of(architecture) if isinstance(architecture, str) else "custom"
    return plan.get("model") or "", plan.get("dataset") or "", name


def _facets(owner: str, model: str, dataset: str, architecture: str, tags: Sequence[str], group: str | None) -> str:
    facets = [f"owner={owner}", f"model={model}", f"dataset={dataset}", f"architecture={architecture}"]
    facets += [f"tag={tag}" for tag in dict.fromkeys(tags)]
    return json.dumps(facets + ([f"group={group}"] if group else []))
