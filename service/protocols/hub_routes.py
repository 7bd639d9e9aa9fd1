"""Routes for `huggingface_hub.InferenceClient(model=URL).image_classification`, unchanged.

The URL is the address of a model or a version, `/models/{name}@{alias}` for an alias, or the server's own: then the
model that `CONVSERVE_SERVED_MODEL` names answers, or the one published last. Errors are problems, as on our own routes.
"""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from model_store import AliasNotFound, ModelNotFound, StoreUnavailable, VersionNotFound
from service.deps import AliasName, ModelName, StateDep, VersionNumber
from service.errors import (
    BodyTooLarge,
    BodyTypeUnsupported,
    CallRejected,
    NothingPublished,
    Overloaded,
    UploadRejected,
    VersionPassedOver,
)
from service.models.index import Reference
from service.predict.urls import HUB_ALIAS, HUB_LATEST, HUB_ROOT, HUB_VERSION
from service.protocols.documents import answer_document
from service.protocols.hub_calls import HubLabel, hub_answer
from service.protocols.posted import Document, read_posted
from service.protocols.served_model import reference_of
from service.state import ServiceState
from service.web.problem_docs import problem_responses
from worker.pictures.pixels import PictureFormatUnsupported, PictureRejected, PictureTooLarge

DESCRIPTION = """
For `huggingface_hub`: `InferenceClient(model="http://…/models/boots").image_classification("boot.png", top_k=3)`.

The body is one picture (no Content-Type is needed), or JSON with the picture in base64 as `inputs` and `top_k` in
`parameters`. The answer is a list of `{"label", "score"}`, best first. Its header
`X-Model-Version` names the version that gave it.
"""
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": _PICTURE,
            "application/json": {"schema": {"$ref": "#/components/schemas/HubCall"}},
        },
    }
}
ERRORS = (
    CallRejected,
    ModelNotFound,
    BodyTooLarge,
    PictureTooLarge,
    BodyTypeUnsupported,
    PictureFormatUnsupported,
    UploadRejected,
    PictureRejected,
    Overloaded,
    StoreUnavailable,
)

router = APIRouter(tags=["other clients"])


def _classifies(*errors: type[Exception]) -> dict[str, Any]:
    """What the decorators of these routes have in common; `errors` are those of one route."""
    return {
        "description": DESCRIPTION,
        "openapi_extra": BODY,
        "response_model": list[HubLabel],
        "responses": problem_responses(*ERRORS, *errors),
    }


@router.post(
    HUB_ALIAS,
    summary="Image classification for huggingface_hub, by the version an alias points at",
    **_classifies(AliasNotFound, VersionNotFound),
)
async def classify_for_hub_with_alias(request: Request, state: StateDep, name: ModelName, alias: AliasName) -> Response:
    """Classify one picture with the version an alias points at."""
    return await _classify(request, state, Reference(name, alias=alias))


@router.post(
    HUB_LATEST,
    summary="Image classification for huggingface_hub, by a model's latest version",
    **_classifies(),
)
async def classify_for_hub(request: Request, state: StateDep, name: ModelName) -> Response:
    """Classify one picture with a model's latest version."""
    return await _classify(request, state, Reference(name))


@router.post(
    HUB_VERSION,
    summary="Image classification for huggingface_hub, by one version",
    **_classifies(VersionNotFound),
)
async def classify_for_hub_with_version(
    request: Request, state: StateDep, name: ModelName, version: VersionNumber
) -> Response:
    """Classify one picture with one version."""
    return await _classify(request, state, Reference(name, version=version))


@router.post(
    HUB_ROOT,
    summary="Image classification for huggingface_hub, by the model that is served",
    **_classifies(NothingPublished, VersionPassedOver),
)
async def classify_for_hub_with_served(request: Request, state: StateDep) -> Response:
    """Classify one picture with the model of the settings, or the one published last."""
    return await _classify(request, state, reference_of(state.settings.served_model))


async def _classify(request: Request, state: ServiceState, reference: Reference) -> Response:
    posted = await read_posted(request, state)
    if isinstance(posted, Document):
        return await answer_document(state, reference, posted)
    if len(posted) > 1:
        raise CallRejected(f"there are too many pictures; expected one, got {len(posted)}")
    return await hub_answer(state, reference, posted[0])
