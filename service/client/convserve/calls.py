"""Every request of the client as a value: what is sent, and what its answer means.

Both clients send the same calls, one with `await`; nothing in here touches the network.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from convserve.answers import JobFacts, Prediction, job_facts, prediction
from convserve.errors import ServerRefused
from convserve.pictures import Picture, named_files

T = TypeVar("T")
JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: of HTTP.
        path: on the server.
        read: makes the result of the answer.
        options: of `httpx.Client.request`.
        is_repeatable: sending it twice does no harm.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    options: Mapping[str, Any] = field(default_factory=dict)
    is_repeatable: bool = True


def json_of(response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of an answer; None if it has no body."""
    return response.json() if response.content else None


def train(architecture: str | list[Any] | JsonObject | None, dataset: str, options: JsonObject) -> Call[JobFacts]:
    """Submit a job; a key of its own makes a repetition harmless."""
    body = {"architecture": architecture, "dataset": dataset, **options}
    return Call("POST", "/jobs", lambda found: job_facts(found.json()), _submission(body))


def train_grid(
    grid: JsonObject, architecture: str | None, dataset: str, group: str | None, options: JsonObject
) -> Call[list[str]]:
    """Submit a job for every combination, into a group if one is named; the ids of the group's jobs."""
    body = {"architecture": architecture, "dataset": dataset, **options, "grid": grid}
    path = "/jobs" if group is None else f"/groups/{_part(group)}/jobs"
    return Call("POST", path, lambda found: [each["id"] for each in found.json()["jobs"]], _submission(body))


def _submission(body: JsonObject) -> JsonObject:
    return {"json": _given(body), "headers": {"Idempotency-Key": secrets.token_hex(16)}}


def job(job_id: str) -> Call[JobFacts]:
    """One job."""
    return Call("GET", f"/jobs/{_part(job_id)}", lambda found: job_facts(found.json()))


def jobs(filters: JsonObject) -> Call[list[JobFacts]]:
    """The newest jobs."""
    return Call(
        "GET", "/jobs", lambda found: [job_facts(each) for each in found.json()["jobs"]], {"params": _given(filters)}
    )


def cancel(job_id: str) -> Call[JobFacts]:
    """Cancel a job."""
    return Call("POST", f"/jobs/{_part(job_id)}/cancel", lambda found: job_facts(found.json()))


def finish(job_id: str) -> Call[JobFacts]:
    """Let a job publish what it has learned so far."""
    return Call("POST", f"/jobs/{_part(job_id)}/finish", lambda found: job_facts(found.json()))


def delete_job(job_id: str) -> Call[None]:
    """Forget a job."""
    return Call("DELETE", f"/jobs/{_part(job_id)}", lambda _: None)


def log(job_id: str) -> Call[str]:
    """A job's log."""
    return Call("GET", f"/jobs/{_part(job_id)}/log", lambda found: found.text)


def predict(
    pictures: Picture | Iterable[Picture], model: str | None, top_k: int, request_key: str | None = None
) -> Call[Prediction]:
    """Classify pictures; of a URL the server fetches the picture, where it is allowed to."""
    path = "/predict" if model is None else f"{version_path(model)}/predict"
    options: JsonObject = {"params": {"top_k": top_k}}
    if request_key is not None:
        options["headers"] = {"X-Request-Key": request_key}
    if isinstance(pictures, str) and pictures.startswith(("http://", "https://")):
        options["json"] = {"url": pictures}
    else:
        options["files"] = _files(pictures)
    return Call("POST", path, lambda found: prediction(found.json()), options)


def look(picture: Picture, model: str, options: JsonObject) -> Call[JsonObject]:
    """What every layer of a version makes of a picture."""
    return _with_picture("maps", picture, model, options)


def explain(picture: Picture, model: str, options: JsonObject) -> Call[JsonObject]:
    """Where a picture has the evidence for its class."""
    return _with_picture("explain", picture, model, options)


def predict_many(
    pictures: str | os.PathLike[str] | None, model: str, split: JsonObject | None, top_k: int
) -> Call[JobFacts]:
    """Classify the pictures of an archive, or of a dataset's split, as a job."""
    path = f"{version_path(model if '/' in model or '@' in model else f'{model}@latest')}/predictions"
    options: JsonObject = {"params": {"top_k": top_k}}
    if pictures is None:
        options["json"] = _given(split or {})
    else:
        file = Path(pictures)
        options["files"] = {"file": (file.name, file.read_bytes())}
    return Call("POST", path, lambda found: job_facts(found.json()), options, is_repeatable=False)


def predictions(job_id: str, row_format: str) -> Call[bytes]:
    """The rows of a job that classified many pictures."""
    path = f"/jobs/{_part(job_id)}/predictions"
    return Call("GET", path, lambda found: found.content, {"params": {"format": row_format}})


def feedback(pictures: Picture | Iterable[Picture], label: str, model: str) -> Call[JsonObject]:
    """Say what a model should have answered; the same again changes nothing."""
    options = {"files": _files(pictures), "params": {"label": label}}
    return Call("POST", f"{version_path(model)}/feedback", json_of, options)


def collect_feedback(model: str, options: JsonObject) -> Call[JsonObject]:
    """Make a version of a dataset of the feedback on a model."""
    path = f"/models/{_part(model)}/feedback/collect"
    return Call("POST", path, json_of, {"json": _given(options)}, is_repeatable=False)


def get(path: str, **parameters: Any) -> Call[Any]:  # noqa: ANN401 - any JSON value
    """The JSON at an address."""
    return Call("GET", path, json_of, {"params": _given(parameters)})


def page(path: str) -> Call[Any]:
    """A page of a list, at the path that the page before names: its query stays as it is."""
    return Call("GET", path, json_of)


def delete(path: str) -> Call[Any]:
    """Delete what is at an address."""
    return Call("DELETE", path, json_of)


def download(model: str, file: str) -> Call[bytes]:
    """A file of a version."""
    return Call("GET", f"{version_path(model)}/files/{_part(file)}", lambda found: found.content)


def set_alias(model: str, alias: str, version: int, parts: Mapping[str, tuple[int, float] | None]) -> Call[JsonObject]:
    """Point an alias at a version; each of the `parts` is another version that takes part, and its weight."""
    asked = {name: {"version": part[0], "weight": part[1]} for name, part in parts.items() if part is not None}
    return Call("PUT", alias_path(model, alias), json_of, {"json": {"version": version, **asked}})


def compare(jobs_: Iterable[str], groups: Iterable[str], metric: str | None) -> Call[JsonObject]:
    """Runs side by side."""
    parameters = {"jobs": ",".join(jobs_) or None, "group": list(groups) or None, "metric": metric}
    return Call("GET", "/compare", json_of, {"params": _given(parameters)})


def upload(archive: str | os.PathLike[str], name: str, options: JsonObject) -> Call[JsonObject]:
    """Send a zip of pictures as a dataset. It is read at once; `curl -T` sends larger ones in pieces."""
    sent = {"params": {"name": name, **_given(options)}, "headers": {"Content-Type": "application/zip"}}
    return Call("POST", "/datasets", json_of, {**sent, "content": Path(archive).read_bytes()}, is_repeatable=False)


def import_model(file: str | os.PathLike[str], options: JsonObject) -> Call[JobFacts]:
    """Send a model that was trained elsewhere; a key of its own makes a repetition harmless."""
    path = Path(file)
    sent = {"files": {"file": (path.name, path.read_bytes())}, "data": {"options": json.dumps(_given(options))}}
    headers = {"Idempotency-Key": secrets.token_hex(16)}
    return Call("POST", "/models", lambda found: job_facts(found.json()), {**sent, "headers": headers})


def export(model: str, export_format: str) -> Call[JobFacts]:
    """Export a version to another format. Twice makes the same file twice."""
    path = f"{_one_version(model)}/exports"
    return Call("POST", path, lambda found: job_facts(found.json()), {"json": {"format": export_format}})


def exports(model: str) -> Call[list[JsonObject]]:
    """The formats that a version was exported to."""
    return Call("GET", f"{_one_version(model)}/exports", lambda found: list(found.json()["exports"]))


def alias_path(model: str, alias: str) -> str:
    """The address of an alias."""
    return f"/models/{_part(model)}/aliases/{_part(alias)}"


def version_path(model: str) -> str:
    """The address of `name`, `name/version` or `name@alias`."""
    name, _, version = model.partition("/")
    if version:
        return f"/models/{_part(name)}/versions/{_part(version)}"
    name, _, alias = model.partition("@")
    return f"/models/{_part(name)}/aliases/{_part(alias)}" if alias else f"/models/{_part(name)}"


def accepted(response: httpx.Response) -> httpx.Response:
    """The answer if it is none of an error; otherwise raises `ServerRefused` with what the server says."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = None
    said = problem if isinstance(problem, dict) else {}
    answered = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    detail = str(said.get("detail") or said.get("title") or answered)
    raise ServerRefused(
        response.status_code, str(said.get("code", "")), detail, said.get("errors") or (), _retry_after_s(response)
    )


def _with_picture(what: str, picture: Picture, model: str, options: JsonObject) -> Call[JsonObject]:
    path = _one_version(model)
    return Call("POST", f"{path}/{what}", json_of, {"files": _files(picture), "params": _given(options)})


def _one_version(model: str) -> str:
    """The address of a version; a model by its name alone is its version `latest`."""
    return version_path(model if "/" in model or "@" in model else f"{model}@latest")


def _files(pictures: Picture | Iterable[Picture]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", named) for named in named_files(pictures)]


def _given(parameters: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in parameters.items() if value is not None}


def _part(text: str) -> str:
    return quote(text, safe="")


def _retry_after_s(response: httpx.Response) -> float | None:
    said = response.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else None
