"""What agents may read by address: the model cards of published versions, and pictures of jobs, versions and datasets.

The address of a resource is the path of a route, behind `convserve://` instead of `/`.
"""

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

from service.agents.loopback import Call, Loopback, Reply
from service.agents.operations import VERSION
from service.predict.urls import route_pattern
from worker.artifacts import CURVES_PICTURE, FILM_PICTURE, MISTAKES_PICTURE

SCHEME = "convserve://"
MAX_LISTED = 100
"""Models in the list of resources; `list_models` has all."""
MARKDOWN, PNG, TEXT = "text/markdown", "image/png", "text/plain"
GUIDE = {"uri": f"{SCHEME}llms.txt", "name": "llms.txt", "mimeType": TEXT, "description": "What this server does."}
CARD = VERSION + "/README.md"
CARD_BY_ALIAS = "/models/{name}/aliases/{alias}/README.md"
TEMPLATES = {
    CARD: ("model card", MARKDOWN, "Data, network, training, results and limits of a version."),
    CARD_BY_ALIAS: ("model card by alias", MARKDOWN, "The same for the version that an alias points at."),
    VERSION + "/files/{file}": (
        "file of a version",
        "application/octet-stream",
        "Such as curves.png, confusion-matrix.png, history.json or evaluation.json; at most 4 MB.",
    ),
    VERSION + f"/{MISTAKES_PICTURE}": ("mistakes", PNG, "Test pictures that a version gets wrong."),
    VERSION + f"/{FILM_PICTURE}": ("film", PNG, "How a network changed in training."),
    "/jobs/{job_id}/" + CURVES_PICTURE: ("curves", PNG, "Accuracy and loss of a job by epoch."),
    "/datasets/{name}/preview.png": ("contact sheet", PNG, "Pictures of each class of a dataset."),
}
"""Name, media type and description, by the path of the route."""
_READABLE = [re.compile(route_pattern(template)) for template in ("/llms.txt", *TEMPLATES)]

Json = dict[str, Any]


def resource_templates() -> list[Json]:
    """The addresses of resources as MCP lists them."""
    return [
        {"uriTemplate": SCHEME + path[1:], "name": name, "mimeType": media_type, "description": says}
        for path, (name, media_type, says) in TEMPLATES.items()
    ]


async def listed_resources(loopback: Loopback) -> list[Json]:
    """The resources that there are now: the guide, and the card of every model that the caller may read."""
    reply = await loopback.send(Call("GET", "/models", [("limit", str(MAX_LISTED))]))
    models = json.loads(reply.body)["models"] if reply.status == 200 and not reply.is_cut else []
    return [GUIDE, *(_card(model["name"]) for model in models)]


async def read_resource(uri: str, loopback: Loopback) -> Reply | None:
    """What a resource's route answers; None if there is no such resource."""
    path = "/" + unquote(uri.removeprefix(SCHEME))
    if not uri.startswith(SCHEME) or not any(pattern.fullmatch(path) for pattern in _READABLE):
        return None
    return await loopback.send(Call("GET", path))


def contents_of(uri: str, reply: Reply) -> Json:
    """A resource as MCP answers it: text, or bytes in base64."""
    media_type = reply.media_type or "application/octet-stream"
    is_text = media_type.startswith("text/") or media_type in {"application/json", "image/svg+xml"}
    content = {"text": reply.body.decode("utf-8", "replace")} if is_text else {"blob": _base64(reply.body)}
    return {"uri": uri, "mimeType": media_type, **content}


def _card(model: str) -> Json:
    uri = SCHEME + CARD_BY_ALIAS[1:].format(name=model, alias="latest")
    return {"uri": uri, "name": f"{model}: model card", "mimeType": MARKDOWN}


def _base64(data: bytearray) -> str:
    return base64.b64encode(data).decode()
