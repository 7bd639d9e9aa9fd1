"""Routes of published models: models, versions, their files, and the aliases that point at versions."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from pydantic import AwareDatetime

from model_store import (
    AliasNotFound,
    ArtifactCorrupt,
    FileNotInVersion,
    Manifest,
    ModelNotFound,
    StoreUnavailable,
    VersionInUse,
    VersionNotFound,
)
from service.deps import (
    AliasName,
    CatalogDep,
    EngineDep,
    FileName,
    IndexDep,
    ModelName,
    PredictorDep,
    QueueDep,
    StoreDep,
    VersionNumber,
)
from service.errors import AliasReserved, ModelInUse, RangeNotSatisfiable, VersionPassedOver
from service.jobs.model_users import refuse_used_model
from service.models.answers import (
    Alias,
    AliasList,
    AliasTarget,
    MistakeList,
    Model,
    ModelList,
    Version,
    mistakes_answer,
    model_answer,
    version_answer,
    version_at,
)
from service.models.downloads import answer_file
from service.models.index import COMPUTED, Reference
from service.web.byte_ranges import ConditionsDep
from service.web.freed import Freed
from service.web.problem_docs import problem_responses
from service.web.verdicts import VERDICTS
from worker.artifacts import MISTAKES_FILE, SUMMARY_FILE
from worker.reports.mistakes import MOST_MISTAKES, Mistakes

router = APIRouter(prefix="/models", tags=["models"])

CLASSES_NAMED = 20  # in an error message
PRELOAD_LIMIT_S = 2.0
"""How long an alias waits to be moved for its version to be loaded; loading goes on beyond."""


@router.get("", summary="List models", responses=problem_responses(StoreUnavailable))
async def list_models(index: IndexDep) -> ModelList:
    """All models with their versions and aliases, by name."""
    return ModelList(models=[model_answer(entry) for _, entry in sorted(index.models.items())])


@router.get("/{name}", summary="One model", responses=problem_responses(ModelNotFound, StoreUnavailable))
async def get_model(name: ModelName, index: IndexDep) -> Model:
    """A model's versions, aliases, and which version answers by default."""
    return model_answer(index.model(name))


@router.delete(
    "/{name}",
    summary="Delete a model",
    responses=problem_responses(ModelNotFound, ModelInUse, StoreUnavailable),
)
async def delete_model(
    name: ModelName, store: StoreDep, catalog: CatalogDep, engine: EngineDep, queue: QueueDep
) -> Freed:
    """Remove every version of a model, and free the disk; refused while an alias or a job needs it.

    An alias needs it until it is removed, a queued or running job if it continues from one of its versions. If a model
    is published under this name again, its version numbers continue.
    """
    await refuse_used_model(name, store, queue)
    freed_bytes = await asyncio.to_thread(store.delete_model, name)
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
    responses=problem_responses(ModelNotFound, VersionNotFound, VersionInUse, StoreUnavailable),
)
async def delete_version(
    name: ModelName, version: VersionNumber, store: StoreDep, catalog: CatalogDep, engine: EngineDep
) -> Freed:
    """Remove a version and free the disk; refused while an alias points at it. Its number is never used again."""
    freed_bytes = await asyncio.to_thread(store.delete_version, name, version)
    engine.forget(name, version)
    await catalog.refresh()
    return Freed(freed_bytes=freed_bytes)


@router.get(
    "/{name}/versions/{version}/files/{file}",
    summary="Download a file of a version",
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
    """One of the files that the version lists.

    Models: `model.keras`, `model.onnx`. Numbers: `manifest.json`, `history.json`, `evaluation.json`, `mistakes.json`,
    `summary.txt`. Pictures: `curves.png`, `confusion-matrix.png`, `calibration.png`, `predictions.png`, `mistakes.png`.
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


@router.get(
    "/{name}/versions/{version}/mistakes",
    summary="Mistakes of a version",
    responses=problem_responses(ModelNotFound, VersionNotFound, FileNotInVersion, ArtifactCorrupt, StoreUnavailable),
)
async def get_mistakes(
    name: ModelName,
    version: VersionNumber,
    index: IndexDep,
    store: StoreDep,
    true: Annotated[str | None, Query(description="Only pictures of this class.", examples=["Shirt"])] = None,
    predicted: Annotated[str | None, Query(description="Only pictures classified as this class.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_MISTAKES)] = 100,
) -> MistakeList:
    """What the network got wrong on the test split, most confident first, each with its index in the split."""
    manifest = index.model(name).version(version)
    _check_class(manifest, "true", true)
    _check_class(manifest, "predicted", predicted)
    data = await asyncio.to_thread(store.read, manifest.model, manifest.version, MISTAKES_FILE)
    return mistakes_answer(Mistakes.model_validate_json(data), true, predicted, limit)


@router.get("/{name}/aliases", summary="List aliases", responses=problem_responses(ModelNotFound, StoreUnavailable))
async def list_aliases(name: ModelName, index: IndexDep) -> AliasList:
    """Where each of a model's aliases points."""
    return AliasList(aliases=dict(index.model(name).aliases))


@router.get(
    "/{name}/aliases/{alias}",
    summary="One alias and its history",
    responses=problem_responses(ModelNotFound, AliasNotFound, VersionPassedOver, StoreUnavailable),
)
async def get_alias(
    name: ModelName,
    alias: AliasName,
    index: IndexDep,
    store: StoreDep,
    at: Annotated[
        AwareDatetime | None,
        Query(description="Where it pointed at this time, also if it was removed since; with a time zone."),
    ] = None,
) -> Alias:
    """Where an alias points, and where it pointed before.

    Every model has the aliases `latest` and `best`, which are computed and have no history. `latest` is the newest
    version that may answer by default, `best` the one with the highest test accuracy on the same data.
    """
    entry = index.model(name)
    if at is None and alias in COMPUTED:
        return Alias(alias=alias, version=entry.alias(alias), history=[])
    version = entry.alias(alias) if at is None else None
    history = await asyncio.to_thread(store.alias_history, name, alias)
    if at is not None:
        version = version_at(history, at)
    if version is None:
        raise AliasNotFound(name, alias)
    return Alias(alias=alias, version=version, history=history)


@router.put(
    "/{name}/aliases/{alias}",
    summary="Point an alias at a version",
    responses=problem_responses(ModelNotFound, VersionNotFound, AliasReserved, StoreUnavailable),
)
async def put_alias(
    name: ModelName,
    alias: AliasName,
    target: AliasTarget,
    store: StoreDep,
    catalog: CatalogDep,
    predictor: PredictorDep,
) -> Alias:
    """Promote or roll back in one call: this version answers the next prediction through the alias.

    `latest` and `best` are computed and cannot be set.
    """
    if alias in COMPUTED:
        raise AliasReserved(alias)
    # Load it first, so that requests through the alias do not wait; they report any error in it.
    with suppress(TimeoutError, *VERDICTS):
        async with asyncio.timeout(PRELOAD_LIMIT_S):
            await predictor.serving(Reference(name, version=target.version))
    await asyncio.to_thread(store.set_alias, name, alias, target.version)
    await catalog.refresh()
    history = await asyncio.to_thread(store.alias_history, name, alias)
    return Alias(alias=alias, version=target.version, history=history)


@router.delete(
    "/{name}/aliases/{alias}",
    summary="Remove an alias",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(ModelNotFound, AliasNotFound, AliasReserved, StoreUnavailable),
)
async def delete_alias(name: ModelName, alias: AliasName, store: StoreDep, catalog: CatalogDep) -> None:
    """Remove the name; the version and the alias's history stay.

    `latest` and `best` are computed; only one that was stored before they were can be removed.
    """
    try:
        await asyncio.to_thread(store.delete_alias, name, alias)
    except AliasNotFound:
        raise AliasReserved(alias) if alias in COMPUTED else AliasNotFound(name, alias) from None
    await catalog.refresh()


def _check_class(manifest: Manifest, field: str, label: str | None) -> None:
    if label is not None and label not in manifest.classes:
        expected = ", ".join(repr(known) for known in manifest.classes[:CLASSES_NAMED])
        more = f" and {len(manifest.classes) - CLASSES_NAMED} more" if len(manifest.classes) > CLASSES_NAMED else ""
        message = f"no class of this version: expected one of {expected}{more}; got {label!r}"
        raise RequestValidationError([{"type": "value_error", "loc": ("query", field), "msg": message, "input": label}])
