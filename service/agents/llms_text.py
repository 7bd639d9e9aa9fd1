"""Writes `llms.txt`: tells a language model that comes across this server what it does, and lists its routes."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from service.predict.urls import AGENTS
from worker.architectures import PRESETS
from worker.datasets import DATASETS


class Place(NamedTuple):
    """A route that the text names.

    Attributes:
        method: of HTTP.
        template: of its path.
        says: what it is for.
    """

    method: str
    template: str
    says: str


SUMMARY = (
    "Trains small convolutional image classifiers and serves them over HTTP. You name a network, a dataset and a "
    "number of epochs; a worker trains, publishes a versioned model, and POST /predict answers with class names and "
    "probabilities."
)
PLACES: Mapping[str, tuple[Place, ...]] = {
    "Documents": (
        Place("GET", "/openapi.json", "the OpenAPI document: every route, field and error"),
        Place("GET", "/docs", "the same for people"),
        Place("POST", AGENTS, "Model Context Protocol (streamable HTTP): the same operations as tools"),
    ),
    "Before a training": (
        Place("GET", "/architectures", "networks by name, with parameters and recipe"),
        Place("POST", "/architectures/check", "check a network of your own: a list of layers"),
        Place("GET", "/datasets", "what can be trained on"),
        Place("POST", "/datasets", "upload a zip of pictures, one folder for each class"),
    ),
    "Jobs": (
        Place("POST", "/jobs", "start a training, or a grid of them; `?dry_run=true` only estimates"),
        Place("GET", "/jobs", "newest jobs; `?view=row` in short"),
        Place("GET", "/jobs/{job_id}", "state, progress, history, result"),
        Place("GET", "/jobs/{job_id}/events", "the same as Server-Sent Events, until the job ends"),
        Place("GET", "/jobs/{job_id}/curves.{picture_format}", "accuracy and loss by epoch, as PNG or SVG"),
        Place("POST", "/jobs/{job_id}/finish", "stop now and publish the best epoch"),
        Place("POST", "/jobs/{job_id}/cancel", "stop without a model"),
        Place("GET", "/compare", "runs side by side (`?jobs=A,B` or `?group=G`), and a verdict"),
    ),
    "Models": (
        Place("GET", "/models", "what was published"),
        Place("GET", "/models/{name}/versions/{version}/README.md", "model card of a version"),
        Place("POST", "/models/{name}/predict", "classify with the latest version of a model"),
        Place("POST", "/models/{name}/versions/{version}/explain", "where the evidence for a class is"),
        Place("PUT", "/models/{name}/aliases/{alias}", "point an alias at a version, such as `production`"),
    ),
    "Optional": (
        Place("GET", "/me", "who the key says you are, what it allows, and what of it is used"),
        Place("GET", "/workers", "who trains, and what"),
        Place("GET", "/readyz", "whether the service can answer"),
        Place("GET", "/metrics", "figures for Prometheus"),
    ),
}
EXAMPLE = {"network": "lenet5-fashion", "dataset": "fashion_mnist_sample"}
"""A training that takes seconds and needs no download."""


def llms_text(url: str, *, is_key_needed: bool) -> str:
    """The text, in Markdown as llmstxt.org describes it: a title, a summary, notes, and sections of links.

    Args:
        url: of this server, as its client called it, without a slash at the end.
        is_key_needed: whether requests need a key.
    """
    parts = [f"# convserve\n\n> {SUMMARY}", *_notes(url, is_key_needed=is_key_needed)]
    parts += [f"## {title}\n\n" + "\n".join(_links(url, places)) for title, places in PLACES.items()]
    return "\n\n".join(parts) + "\n"


def _notes(url: str, *, is_key_needed: bool) -> Iterable[str]:
    key = ' -H "Authorization: Bearer $KEY"' if is_key_needed else ""
    yield (
        "Requests need a key: send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`. Its scope is one of "
        "`predict`, `read`, `train` and `admin`; each contains the ones before. The person who runs this server gives "
        "keys out."
        if is_key_needed
        else "Requests need no key; the server answers this machine only."
    )
    yield f"Train, follow, classify (JOB is the `id` of the first answer):\n\n{_commands(url, key)}"
    yield (
        "A model is named after what it was trained on unless the job has `model`. Every error is a problem document "
        "(`application/problem+json`) with `code`, `detail` and, where parts of the request are at fault, `errors`; "
        "429 and 503 say with `Retry-After` when to try again."
    )
    yield f"Networks by name: {_listed(PRESETS)}. A list of layers with Keras's names makes a network of your own."
    yield f"Datasets that come with the server: {_listed(DATASETS)}. Uploaded ones are in GET /datasets."


def _commands(url: str, key: str) -> str:
    body = f'{{"architecture": "{EXAMPLE["network"]}", "dataset": "{EXAMPLE["dataset"]}", "epochs": 5}}'
    return (
        f"```sh\ncurl {url}/jobs{key} --json '{body}'\n"
        f"curl -N {url}/jobs/JOB/events{key}\n"
        f"curl {url}/predict{key} -F file=@picture.png\n```"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _links(url: str, places: Iterable[Place]) -> Iterable[str]:
    return (f"- [{place.method} {place.template}]({url}{place.template}): {place.says}" for place in places)
