"""Routes of aliases: the names that point at versions of a model."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime

from model_store import (
    AliasNotFound,
    ModelNotFound,
    StoreUnavailable,
    VersionNotFound,
)
from service.deps import (
    AliasName,
    CallerDep,
    CatalogDep,
    IndexDep,
    ModelName,
    PredictorDep,
    StoreDep,
)
from service.errors import AliasReserved, VersionPassedOver
from service.models.alias_errors import ComputedAlias
from service.models.answers import (
    Alias,
    AliasList,
    AliasTarget,
    version_at,
)
from service.models.index import COMPUTED, Reference
from service.models.ownership import require_owner_of_alias
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.verdicts import VERDICTS

router = APIRouter(prefix="/models", tags=["models"])

PRELOAD_LIMIT_S = 2.0
"""How long an alias waits to be moved for its version to be loaded; loading goes on beyond."""


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
    if alias in COMPUTED:
        if at is not None:
            raise ComputedAlias(name, alias)
        return Alias(alias=alias, version=entry.alias(alias), history=[])
    version = entry.alias(alias) if at is None else None
    history = await asyncio.to_thread(store.alias_history, name, alias)
    if at is not None:
        version = version_at(history, at)
    if version is None:
        raise AliasNotFound(name, alias, at)
    return Alias(alias=alias, version=version, history=history)


@router.put(
    "/{name}/aliases/{alias}",
    summary="Point an alias at a version",
    responses=problem_responses(ModelNotFound, VersionNotFound, AliasReserved, NotOwner, StoreUnavailable),
)
async def put_alias(
    name: ModelName,
    alias: AliasName,
    target: AliasTarget,
    store: StoreDep,
    catalog: CatalogDep,
    predictor: PredictorDep,
    caller: CallerDep,
) -> Alias:
    """Promote or roll back in one call: this version answers the next prediction through the alias.

    `latest` and `best` are computed and cannot be set.
    """
    if alias in COMPUTED:
        raise AliasReserved(alias)
    require_owner_of_alias(caller, (await catalog.refresh()).model(name), alias, target.version)
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
    responses=problem_responses(ModelNotFound, AliasNotFound, AliasReserved, NotOwner, StoreUnavailable),
)
async def delete_alias(
    name: ModelName, alias: AliasName, store: StoreDep, catalog: CatalogDep, caller: CallerDep
) -> None:
    """Remove the name; the version and the alias's history stay.

    `latest` and `best` are computed; only one that was stored before they were can be removed.
    """
    require_owner_of_alias(caller, (await catalog.refresh()).model(name), alias, None)
    try:
        await asyncio.to_thread(store.delete_alias, name, alias)
    except AliasNotFound:
        raise AliasReserved(alias) if alias in COMPUTED else AliasNotFound(name, alias) from None
    await catalog.refresh()
