"""Routes of aliases: the names that point at versions of a model."""

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, status
from pydantic import AwareDatetime

from model_store import (
    AliasNotFound,
    ArtifactCorrupt,
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
    StateDep,
    StoreDep,
)
from service.errors import AliasReserved, VersionPassedOver
from service.feedback.answers import versions_of
from service.models.alias_errors import ComputedAlias
from service.models.answers import (
    Alias,
    AliasList,
    AliasTarget,
    splits_of,
    version_at,
)
from service.models.index import COMPUTED, ModelEntry, Reference
from service.models.ownership import require_owner_of_alias
from service.models.split_answers import FeedbackFigures, SplitFigures, split_of
from service.models.split_rules import require_fit
from service.state import ServiceState
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.split_errors import SplitInvalid
from service.web.verdicts import VERDICTS

router = APIRouter(prefix="/models", tags=["models"])

PRELOAD_LIMIT_S = 2.0
"""How long an alias waits to be moved for its version to be loaded; loading goes on beyond."""


@router.get("/{name}/aliases", summary="List aliases", responses=problem_responses(ModelNotFound, StoreUnavailable))
async def list_aliases(name: ModelName, index: IndexDep) -> AliasList:
    """Where each of a model's aliases points."""
    entry = index.model(name)
    return AliasList(aliases=dict(entry.aliases), splits=splits_of(entry))


@router.get(
    "/{name}/aliases/{alias}",
    summary="One alias and its history",
    responses=problem_responses(ModelNotFound, AliasNotFound, VersionPassedOver, StoreUnavailable),
)
async def get_alias(
    name: ModelName,
    alias: AliasName,
    state: StateDep,
    at: Annotated[
        AwareDatetime | None,
        Query(description="Where it pointed at this time, also if it was removed since; with a time zone."),
    ] = None,
) -> Alias:
    """Where an alias points, and where it pointed before.

    Every model has the aliases `latest` and `best`, which are computed and have no history. `latest` is the newest
    version that may answer by default, `best` the one with the highest test accuracy on the same data.

    If the alias has a canary or a shadow, `figures` says how often each version answered, failed, and was right by the
    feedback on it, and how often the shadow agreed with what was answered.
    """
    entry = (await state.catalog.index()).model(name)
    if alias in COMPUTED:
        if at is not None:
            raise ComputedAlias(name, alias)
        return Alias(alias=alias, version=entry.alias(alias), history=[])
    version = entry.alias(alias) if at is None else None
    history = await asyncio.to_thread(state.store.alias_history, name, alias)
    if at is not None:
        version = version_at(history, at)
    if version is None:
        raise AliasNotFound(name, alias, at)
    if at is not None or alias not in entry.splits:
        return Alias(alias=alias, version=version, history=history)
    canary, shadow = entry.splits[alias]
    figures = await _figures(state, entry, alias)
    return Alias(alias=alias, version=version, canary=canary, shadow=shadow, figures=figures, history=history)


@router.put(
    "/{name}/aliases/{alias}",
    summary="Point an alias at a version",
    responses=problem_responses(
        ModelNotFound, VersionNotFound, AliasReserved, SplitInvalid, ArtifactCorrupt, NotOwner, StoreUnavailable
    ),
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

    A `canary` answers a share of the predictions in its place: requests with the same header `X-Request-Key`, or
    without one of the same owner of a key, always get the same version, all others by chance. A `shadow` is asked the
    same after the answer was sent, and only compared. Both need the classes and the input shape of the version.
    A call without them removes those that the alias has: so the same call promotes a canary, or gives it up.

    `latest` and `best` are computed and cannot be set.
    """
    if alias in COMPUTED:
        raise AliasReserved(alias)
    entry, split = (await catalog.refresh()).model(name), split_of(target.canary, target.shadow)
    versions = [target.version, *(number for _, number in split.roles())]
    require_owner_of_alias(caller, entry, alias, versions)
    require_fit(entry, target.version, split)
    # Load them first, so that requests through the alias do not wait; they report any error in them.
    with suppress(TimeoutError, *VERDICTS):
        async with asyncio.timeout(PRELOAD_LIMIT_S):
            for version in versions:
                await predictor.serving(Reference(name, version=version))
    await asyncio.to_thread(store.set_alias, name, alias, target.version, split)
    await catalog.refresh()
    history = await asyncio.to_thread(store.alias_history, name, alias)
    return Alias(alias=alias, version=target.version, canary=split.canary, shadow=split.shadow, history=history)


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
    require_owner_of_alias(caller, (await catalog.refresh()).model(name), alias, ())
    try:
        await asyncio.to_thread(store.delete_alias, name, alias)
    except AliasNotFound:
        raise AliasReserved(alias) if alias in COMPUTED else AliasNotFound(name, alias) from None
    await catalog.refresh()


async def _figures(state: ServiceState, entry: ModelEntry, alias: str) -> SplitFigures | None:
    """How the versions of an alias compare, with the feedback on each."""
    figures = await state.split_figures.of(entry, alias)
    if figures is None:
        return None
    feedback = {found.version: found for found in versions_of(await state.feedback.on(entry.name))}
    for shown in figures.shown():
        found = feedback.get(shown.version)
        if found is not None:
            shown.feedback = FeedbackFigures(pictures=found.pictures, right=found.right, accuracy=found.accuracy)
    return figures
