"""Routes of published models: models, versions and their files. `aliases` has the names that point at versions."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import PlainTextResponse

from model_store import (
    ArtifactCorrupt,
    FileNotInVersion,
    ModelNotFound,
    StoreUnavailable,
    VersionInUse,
    VersionNotFound,
)
from model_store.names import ALIAS_PATTERN, MODEL_PATTERN
from service.deps import (
    REVEALS_TEST_LABELS,
    CallerDep,
    CatalogDep,
    EngineDep,
    FileName,
    IndexDep,
    ModelName,
    QueueDep,
    StoreDep,
    VersionNumber,
)
from service.errors import ModelInUse, RangeNotSatisfiable
from service.jobs.model_users import refuse_read_version, refuse_used_model
from service.models.answers import (
    Model,
    ModelList,
    Version,
    model_answer,
    version_answer,
)
from service.models.downloads import answer_file
from service.models.model_lists import MOST_MODELS, ModelQuery, Sort
from service.models.ownership import require_owner_of_model, require_owner_of_version
from service.web.byte_ranges import ConditionsDep
from service.web.freed import Freed
from service.web.key_errors import LabelsHidden, NotOwner
from service.web.problem_docs import problem_responses
from worker.artifacts import SUMMARY_FILE
from worker.patterns import TAG_PATTERN

router = APIRouter(prefix="/models", tags=["models"])


async def _query(
    owner: Annotated[str | None, Query(max_length=64, description="Only models with a version of this owner.")] = None,
    tag: Annotated[str | None, Query(pattern=TAG_PATTERN, description="Only models with this tag.")] = None,
    dataset: Annotated[
        str | None, Query(pattern=MODEL_PATTERN, description="Only models that were trained on it.")
    ] = None,
    architecture: Annotated[
        str | None,
        Query(pattern=ALIAS_PATTERN, description="Only models with this preset; `custom` for one's own networks."),
    ] = None,
    sort: Annotated[
        Sort,
        Query(
            description="`name`, `owner`, `created` (of the newest version) or `metric` (test accuracy of the best "
            "one); descending after a `-`.",
        ),
    ] = "name",
) -> ModelQuery:
    return ModelQuery(owner, tag, dataset, architecture, sort)


@router.get("", summary="List models", responses=problem_responses(ModelNotFound, StoreUnavailable))
async def list_models(
    index: IndexDep,
    query: Annotated[ModelQuery, Depends(_query)],
    response: Response,
    after: Annotated[
        str | None,
        Query(pattern=MODEL_PATTERN, description="Name of the last model of the page before; `next` has it."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_MODELS, description="Models of a page.")] = MOST_MODELS,
) -> ModelList:
    """Models with all their versions and aliases, by name unless `sort` says otherwise.

    With filters, only models of which one version matches all of them. A page ends before a model with which it would
    have more than 10,000 versions. `next` and the header `Link` lead to the next page.
    """
    page = query.page(index, after, limit)
    if page.next:
        response.headers["Link"] = f'<{page.next}>; rel="next"'
    return ModelList(models=[model_answer(entry) for entry in page.models], total=page.total, next=page.next)


@router.get("/{name}", summary="One model", responses=problem_responses(ModelNotFound, StoreUnavailable))
async def get_model(name: ModelName, index: IndexDep) -> Model:
    """A model's versions, aliases, and which version answers by default."""
    return model_answer(index.model(name))


@router.delete(
    "/{name}",
    summary="Delete a model",
    responses=problem_responses(ModelNotFound, ModelInUse, NotOwner, StoreUnavailable),
)
async def delete_model(
    name: ModelName, store: StoreDep, catalog: CatalogDep, engine: EngineDep, queue: QueueDep, caller: CallerDep
) -> Freed:
    """Remove every version of a model, and free the disk; refused while an alias or a job needs it.

    An alias needs it until it is removed; a queued or running job if it reads one of its versions: continues from it,
    classifies pictures with it, exports or records it. If a model is published under this name again, its version
    numbers continue.
    """
    require_owner_of_model(caller, (await catalog.refresh()).model(name))
    await refuse_used_model(name, store, queue)
    freed_bytes = await asyncio.to_thread(store.delete_model, name)
    await asyncio.to_thread(store.feedback.delete_model, name)
    engine.forget(name)
    await catalog.refresh()
    return Freed(freed_bytes=freed_bytes)


@router.get(
    "/{name}/versions/{version}",
    summary="One version",
    responses=problem_responses(ModelNotFound, VersionNotFound, ArtifactCorrupt, StoreUnavailable),
)
async def get_version(name: ModelName, version: VersionNumber, index: IndexDep) -> Version:
    """Metrics, recipe, architecture, classes, input shape, files, and its origin: job and dataset."""
    entry = index.model(name)
    return version_answer(entry, entry.version(version))


@router.delete(
    "/{name}/versions/{version}",
    summary="Delete a version",
    responses=problem_responses(ModelNotFound, VersionNotFound, VersionInUse, NotOwner, StoreUnavailable),
)
async def delete_version(
    name: ModelName,
    version: VersionNumber,
    store: StoreDep,
    catalog: CatalogDep,
    engine: EngineDep,
    queue: QueueDep,
    caller: CallerDep,
) -> Freed:
    """Remove a version and free the disk. Its number is never used again.

    Refused while an alias points at it, or a queued or running job reads it: continues from it, classifies pictures
    with it, exports or records it.
    """
    require_owner_of_version(caller, (await catalog.refresh()).model(name), version)
    await refuse_read_version(name, version, queue)
    freed_bytes = await asyncio.to_thread(store.delete_version, name, version)
    engine.forget(name, version)
    await catalog.refresh()
    return Freed(freed_bytes=freed_bytes)


@router.get(
    "/{name}/versions/{version}/files/{file}",
    summary="Download a file of a version",
    dependencies=[REVEALS_TEST_LABELS],
    response_class=Response,
    responses={
        200: {
            "description": "The file: `model.keras` and `model.onnx` as attachments, pictures and JSON to look at.",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {}},
                "image/png": {"schema": {"type": "string", "format": "binary"}},
                "text/plain": {"schema": {"type": "string"}},
            },
        },
        206: {"description": "The range of the file that `Range` names."},
        304: {"description": "The file is still the one that `If-None-Match` names."},
        **problem_responses(
            ModelNotFound,
            VersionNotFound,
            LabelsHidden,
            FileNotInVersion,
            RangeNotSatisfiable,
            ArtifactCorrupt,
            StoreUnavailable,
        ),
    },
)
async def get_file(
    name: ModelName,
    version: VersionNumber,
    file: FileName,
    index: IndexDep,
    store: StoreDep,
    conditions: ConditionsDep,
) -> Response:
    """One of the files that the version lists, or that `GET …/exports` lists.

    Models: `model.keras`, `model.onnx`; exported on request `model.tflite`, `saved_model.zip`, `openvino.zip`. Numbers:
    `manifest.json`, `history.json`, `evaluation.json`, `mistakes.json`, `summary.txt`. Pictures: `curves.png`,
    `confusion-matrix.png`, `calibration.png`, `predictions.png`, `mistakes.png`.
    The ETag is the file's SHA-256, and what is sent is checked against it, also when only a range is.
    """
    return await answer_file(store, index.model(name).version(version), file, conditions)


@router.get(
    "/{name}/versions/{version}/summary",
    summary="Layer table of a version",
    response_class=PlainTextResponse,
    responses=problem_responses(ModelNotFound, VersionNotFound, FileNotInVersion, ArtifactCorrupt, StoreUnavailable),
)
async def get_summary(name: ModelName, version: VersionNumber, index: IndexDep, store: StoreDep) -> PlainTextResponse:
    """The layer table, as Keras prints it."""
    manifest = index.model(name).version(version)
    table = await asyncio.to_thread(store.read, manifest.model, manifest.version, SUMMARY_FILE)
    return PlainTextResponse(table)
