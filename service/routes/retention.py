"""The route that deletes the versions which no rule keeps."""

from typing import Annotated

from fastapi import APIRouter, Query

from model_store import StoreUnavailable
from service.deps import CatalogDep, EngineDep, QueueDep, StoreDep
from service.jobs.model_users import versions_read
from service.models.retention import RetentionAnswer, RetentionRules, apply_rules
from service.web.problem_docs import problem_responses
from worker.jobs.request import RequestInvalid

router = APIRouter(prefix="/retention", tags=["models"])


@router.post("", summary="Delete old versions by rules", responses=problem_responses(RequestInvalid, StoreUnavailable))
async def apply_retention(
    rules: RetentionRules,
    catalog: CatalogDep,
    store: StoreDep,
    engine: EngineDep,
    queue: QueueDep,
    dry: Annotated[
        bool, Query(alias="dry_run", description="Delete nothing; say which versions would go, and their bytes.")
    ] = False,
) -> RetentionAnswer:
    """Delete the versions of all models, or of one, that none of the given rules keeps.

    Versions that an alias points at stay, and so do the latest and the best version of every model, and those that
    queued and running jobs read. The same rules can be applied every hour by `CONVSERVE_KEEP_BEST` and
    `CONVSERVE_DELETE_AFTER_DAYS`.
    """
    if rules.is_empty:
        raise RequestInvalid((), "no rule; expected keep_best, older_than_days, or both, got neither")
    return await apply_rules(rules, catalog, store, engine.forget, await versions_read(queue), dry_run=dry)
