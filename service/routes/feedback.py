"""Routes of feedback: pictures come back with the right label, are listed, deleted, and become a dataset."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, status

from model_store import (
    AliasNotFound,
    ArtifactCorrupt,
    Manifest,
    ModelNotFound,
    StoreFull,
    StoreUnavailable,
    VersionNotFound,
)
from model_store.feedback import Feedback
from service.deps import REQUIRE_FREE_SPACE, AliasName, CallerDep, ModelName, StateDep, VersionNumber
from service.errors import (
    ModelUnloaded,
    Overloaded,
    VersionPassedOver,
)
from service.feedback.answers import (
    FeedbackItem,
    FeedbackReceived,
    item_of,
)
from service.feedback.given_label import GivenLabel
from service.feedback.pending import entry_of
from service.keys.callers import Caller
from service.models.index import Reference
from service.predict.uploads import read_uploads
from service.routes.predict import BODY, PICTURE_ERRORS
from service.state import ServiceState
from service.web.feedback_errors import FeedbackFull
from service.web.problem_docs import problem_responses

router = APIRouter(prefix="/models/{name}", tags=["feedback"])

DESCRIPTION = """
Send a picture as for a prediction (a form, the bytes of a file, or JSON), and the label that would have been right:
`?label=Sandal`, a field `label` of the form, or a member `label` of the JSON. The version is asked once more, so that
the feedback says what it answers. Several pictures have one label.

Feedback changes no model. It waits until it is collected: `POST /models/{name}/feedback/collect`. The same picture from
the same sender replaces what was said about it before. A key with the scope `predict` may send feedback.
"""
_FORM_LABEL = {"type": "string", "description": "The right label.", "example": "Sandal"}
_FORM = BODY["requestBody"]["content"]["multipart/form-data"]["schema"]
FEEDBACK_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": BODY["requestBody"]["content"]
        | {
            "multipart/form-data": {
                "schema": _FORM | {"properties": _FORM["properties"] | {"label": _FORM_LABEL}},
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["images", "label"],
                    "properties": {
                        "images": {"type": "array", "description": "As for a prediction.", "items": {"type": "object"}},
                        "label": _FORM_LABEL,
                    },
                },
                "example": {"images": [{"b64": "iVBORw0KGgoAAAANSUhEUg…"}], "label": "Sandal"},
            },
        },
    }
}
FINDING = (ModelNotFound, VersionPassedOver, ArtifactCorrupt, StoreUnavailable)
SENDING = (*PICTURE_ERRORS, *FINDING, FeedbackFull, Overloaded, ModelUnloaded, StoreFull)
Label = Annotated[
    str | None, Query(max_length=200, description="The right label, one of the version's classes.", examples=["Sandal"])
]


def _posted(ending: str, summary: str, *errors: type[Exception]) -> dict[str, Any]:
    """The options of a route that takes feedback."""
    return {
        "path": f"{ending}/feedback",
        "status_code": status.HTTP_201_CREATED,
        "summary": summary,
        "description": DESCRIPTION,
        "dependencies": [REQUIRE_FREE_SPACE],
        "openapi_extra": FEEDBACK_BODY,
        "responses": problem_responses(*SENDING, *errors),
    }


@router.post(**_posted("", "Say what the latest version should have answered"))
async def send_feedback(
    name: ModelName, request: Request, state: StateDep, caller: CallerDep, label: Label = None
) -> FeedbackReceived:
    """Feedback on a model's latest version."""
    return await _receive(request, state, caller, Reference(name), label)


@router.post(**_posted("/versions/{version}", "Say what a version should have answered", VersionNotFound))
async def send_feedback_on_version(
    name: ModelName,
    version: VersionNumber,
    request: Request,
    state: StateDep,
    caller: CallerDep,
    label: Label = None,
) -> FeedbackReceived:
    """Feedback on one version."""
    return await _receive(request, state, caller, Reference(name, version=version), label)


@router.post(**_posted("/aliases/{alias}", "Say what the version of an alias should have answered", AliasNotFound))
async def send_feedback_on_alias(
    name: ModelName, alias: AliasName, request: Request, state: StateDep, caller: CallerDep, label: Label = None
) -> FeedbackReceived:
    """Feedback on the version that an alias points at."""
    return await _receive(request, state, caller, Reference(name, alias=alias), label)


async def _receive(
    request: Request, state: ServiceState, caller: Caller, reference: Reference, label: str | None
) -> FeedbackReceived:
    settings, given = state.settings, GivenLabel(label)
    limits, in_thread = (settings.max_pictures, settings.max_picture_bytes), state.decoder.in_thread
    uploads = await read_uploads(request.headers, request.stream(), *limits, in_thread, given.take_from_json, given)
    uploads = await state.fetcher.fetched(uploads)
    files = [upload.read() for upload in uploads]
    await state.feedback.require_room(caller.name, [len(file) for file in files])
    manifest = await state.predictor.serving_again(reference)
    index = given.index_in(manifest.classes)
    decoded = await state.decoder.decode(manifest, uploads)
    for rejection in decoded.rejections.values():
        raise rejection.error()
    rows = await state.engine.infer(manifest, decoded.stacked())
    said = (manifest.model, manifest.version, manifest.classes, caller.name)
    entries = [
        entry_of(*said, file, index, int(row.argmax()), float(row.max())) for file, row in zip(files, rows, strict=True)
    ]
    for entry, file in zip(entries, files, strict=True):
        await state.feedback.add(entry, manifest.classes, file)
    return FeedbackReceived(model=manifest.model, version=manifest.version, feedback=_new_items(entries, manifest))


def _new_items(entries: list[Feedback], manifest: Manifest) -> list[FeedbackItem]:
    return [item_of(entry, {entry.classes: manifest.classes}, ()) for entry in entries]
