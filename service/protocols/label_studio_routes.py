"""Label Studio's contract for ML backends: `/health`, `/setup`, `/predict` and `/webhook`, at the server's own address.

Suggestions are asked at `POST /predict`, like our own predictions; the key `tasks` tells them apart
(`service.protocols.documents`).
"""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from model_store import StoreFull
from model_store.manifest import LOCAL_OWNER
from service.deps import CallerDep, StateDep
from service.errors import CallRejected, JsonRejected, PictureNotFetched
from service.labelling.label_config import read_interface
from service.labelling.pictures import picture_of
from service.labelling.projects import PROJECTS_DIRECTORY, Project, Projects, owned
from service.labelling.suggestions import model_version, suggestions
from service.labelling.training import Trainings, require_allowed
from service.models.index import Reference
from service.protocols.calls import answer_json
from service.protocols.posted import Document
from service.state import ServiceState
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.quota_errors import QuotaExceeded, StorageExceeded
from service.web.strict_json import parse_json
from worker.jobs.errors import QueueUnavailable
from worker.pictures.pixels import PictureRejected, PictureTooLarge

ANNOTATED = frozenset({"ANNOTATION_CREATED", "ANNOTATION_UPDATED"})
DELETED = frozenset({"ANNOTATIONS_DELETED", "ANNOTATION_DELETED"})
TRAIN = "START_TRAINING"

router = APIRouter(tags=["other clients"])


class BackendHealth(BaseModel, defer_build=True):
    """The backend answers."""

    status: str = "UP"
    model_class: str = "convserve"


class BackendSetup(BaseModel):
    """A project that wants suggestions."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    project: str | int = Field(description="Its id, or `id.time`.", examples=["1.1764118400"])
    label_config: str = Field(alias="schema", description="The labelling interface, in XML.")
    # Without a schema: openapi-generator makes Java that does not compile of a union with an object.
    extra_params: Annotated[dict[str, Any] | str | None, WithJsonSchema({})] = Field(
        default=None, description="JSON with `model`, `architecture` or `epochs`, to use others than the defaults."
    )


class BackendVersion(BaseModel, defer_build=True):
    """The version that makes suggestions."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str = Field(description="`name/version`, or `INITIAL`.", examples=["label-studio-1/3"])


class WebhookEvent(BaseModel):
    """What happened in a project. Fields that are not named here are ignored."""

    model_config = ConfigDict(extra="ignore")

    action: str = Field(examples=["ANNOTATION_CREATED"])
    project: dict[str, Any] = Field(description="The project; `id` and `label_config` are used.")
    task: dict[str, Any] | None = Field(default=None, description="The task; `id` and `data` are used.")
    annotation: dict[str, Any] | None = Field(default=None, description="The annotation; `result` is used.")
    annotations: list[Any] | None = Field(default=None, description="Those that were deleted; `task` is used.")


class WebhookAnswer(BaseModel, defer_build=True):
    """What the event led to."""

    status: str = Field(description="`noted`, `ignored`, `training`, or `busy` while a training is being prepared.")
    untrained: int = Field(description="Annotations since the last training.")


@router.get("/health", summary="Does the backend answer? (Label Studio)")
async def label_studio_health() -> BackendHealth:
    """200 as long as the process answers."""
    return BackendHealth()


@router.post("/setup", summary="Connect a project (Label Studio)", responses=problem_responses(CallRejected, NotOwner))
async def label_studio_setup(setup: BackendSetup, state: StateDep, caller: CallerDep) -> BackendVersion:
    """Remember how the project asks for the class of a picture, and say which version makes suggestions.

    The project belongs to the key that connects it; only that key and an admin's change it.
    """
    read_interface(setup.label_config)
    wishes = {**_wishes(setup.extra_params), "label_config": setup.label_config}

    def connected(project: Project) -> Project:
        return Project.model_validate({**owned(project, caller).model_dump(), **wishes})

    try:
        changed = await asyncio.to_thread(projects_of(state).change, project_id(setup.project), connected)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        raise CallRejected(f"extra_params: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    return BackendVersion(model_version=await model_version(state, changed))


@router.post(
    "/webhook",
    summary="Take an annotation, or start a training (Label Studio)",
    responses=problem_responses(
        CallRejected,
        NotOwner,
        PictureNotFetched,
        PictureTooLarge,
        QuotaExceeded,
        StorageExceeded,
        QueueUnavailable,
        StoreFull,
    ),
)
async def label_studio_webhook(
    event: WebhookEvent, request: Request, state: StateDep, caller: CallerDep
) -> WebhookAnswer:
    """Keep an annotated picture; train when asked to, and after every `CONVSERVE_LABEL_STUDIO_TRAIN_EVERY` annotations.

    A training makes a dataset of all annotations of the project and queues a job, which goes on from the version
    before. When it is done, its version makes the suggestions. Job and dataset belong to the caller; beyond a limit of
    the caller's key no training starts, and annotations are kept.
    """
    projects = projects_of(state)
    project = owned(projects.get(project_id(event.project.get("id"))), caller)
    project.label_config = str(event.project.get("label_config") or project.label_config)
    if event.action in ANNOTATED | DELETED:
        was_changed = await (_annotate if event.action in ANNOTATED else _forget)(state, projects, project, event)
        if not was_changed:
            return WebhookAnswer(status="ignored", untrained=project.untrained)
        project = await asyncio.to_thread(projects.change, project.id, partial(_counted, project))
    elif event.action != TRAIN:
        return WebhookAnswer(status="ignored", untrained=project.untrained)
    every = state.settings.label_studio_train_every
    if event.action != TRAIN and not (every and project.untrained >= every):
        return WebhookAnswer(status="noted", untrained=project.untrained)
    trainings: Trainings = request.app.state.label_studio_trainings
    try:
        await require_allowed(state, caller)
    except (QuotaExceeded, StorageExceeded):
        if event.action == TRAIN:
            raise
        return WebhookAnswer(status="noted", untrained=project.untrained)  # the annotation is kept all the same
    is_started = trainings.start(state, projects, project, caller)
    return WebhookAnswer(status="training" if is_started else "busy", untrained=project.untrained)


async def answer_tasks(state: ServiceState, _: Reference, document: Document) -> Response:
    """Suggestions for `tasks`; the project's own model makes them, whatever the address."""
    tasks = document.fields["tasks"]
    if not isinstance(tasks, list):
        raise CallRejected("'tasks' has the wrong type; expected a list")
    project = projects_of(state).get(project_id(document.fields.get("project")))
    label_config = document.fields.get("label_config")
    if isinstance(label_config, str) and label_config:
        project.label_config = label_config
    return answer_json({"results": await suggestions(state, project, tasks)})


def projects_of(state: ServiceState) -> Projects:
    """The projects in the data directory."""
    return Projects(state.settings.data_dir / PROJECTS_DIRECTORY)


def project_id(said: object) -> int:
    """The id in `1` or `1.1764118400`. Raises `CallRejected`."""
    digits = str(said).partition(".")[0]
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 12:
        raise CallRejected("the project has no valid id; expected a number")
    return int(digits)


def _wishes(extra_params: dict[str, Any] | str | None) -> dict[str, Any]:
    wishes: object = extra_params
    if isinstance(extra_params, str):
        try:
            wishes = parse_json((extra_params or "{}").encode())
        except JsonRejected as error:
            raise CallRejected(f"extra_params is not usable JSON: {error.reason}") from None
    if not isinstance(wishes, dict):
        return {}
    return {name: wishes[name] for name in ("model", "architecture", "epochs") if name in wishes}


def _configured(seen: Project, project: Project) -> Project:
    owner = seen.owner if project.owner == LOCAL_OWNER else project.owner
    return project.model_copy(update={"label_config": seen.label_config, "owner": owner})


def _counted(seen: Project, project: Project) -> Project:
    return _configured(seen, project).model_copy(update={"untrained": project.untrained + 1})


async def _annotate(state: ServiceState, projects: Projects, project: Project, event: WebhookEvent) -> bool:
    """Keep the picture under the label of the annotation; whether that changed anything."""
    interface = read_interface(project.label_config)
    label = _label(event.annotation or {}, interface.choice)
    task = event.task or {}
    if label is None:
        return False
    await asyncio.to_thread(state.store.require_free_space)
    try:
        picture = await picture_of(state, task.get("data"), interface.field)
    except PictureRejected as error:
        raise type(error)(f"task {task.get('id')}: {error.reason}") from None
    await asyncio.to_thread(projects.change, project.id, partial(_configured, project))
    return await asyncio.to_thread(projects.annotate, project, project_id(task.get("id")), label, picture)


async def _forget(_: ServiceState, projects: Projects, project: Project, event: WebhookEvent) -> bool:
    tasks = [event.task or {}] if event.task else [{"id": each.get("task")} for each in event.annotations or () if each]
    forgotten = [await asyncio.to_thread(projects.forget, project, project_id(task.get("id"))) for task in tasks]
    return any(forgotten)


def _label(annotation: dict[str, Any], choice: str) -> str | None:
    """The one label that was chosen; None when there is none, or several."""
    if annotation.get("was_cancelled"):
        return None
    for result in annotation.get("result") or ():
        if isinstance(result, dict) and result.get("from_name") == choice:
            chosen = (result.get("value") or {}).get("choices") or []
            return str(chosen[0]) if len(chosen) == 1 else None
    return None
