"""The route of an alias's history, which outlives the alias."""

import asyncio

from fastapi import APIRouter

from model_store import AliasNotFound, ModelNotFound, StoreUnavailable
from service.deps import AliasName, ModelName, StoreDep
from service.models.alias_errors import ComputedAlias
from service.models.answers import AliasHistory
from service.models.index import COMPUTED
from service.web.problem_docs import problem_responses

router = APIRouter(prefix="/models", tags=["models"])


@router.get(
    "/{name}/aliases/{alias}/history",
    summary="History of an alias",
    responses=problem_responses(ModelNotFound, AliasNotFound, StoreUnavailable),
)
async def get_alias_history(name: ModelName, alias: AliasName, store: StoreDep) -> AliasHistory:
    """Every change of an alias, oldest first; also of one that was removed."""
    if alias in COMPUTED:
        raise ComputedAlias(name, alias)
    history = await asyncio.to_thread(store.alias_history, name, alias)
    return AliasHistory(alias=alias, version=history[-1].version if history else None, history=history)
