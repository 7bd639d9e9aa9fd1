"""The route that Prometheus reads: this process's counters, its loaded models, and the jobs in Redis.

Open to everyone who can reach the port, like the health routes: it shows amounts, and names of models and of aliases
with a canary or a shadow, nothing else.
"""

import asyncio
import logging

from fastapi import APIRouter, Response

from model_store import StoreUnavailable
from service.deps import StateDep
from service.state import ServiceState
from service.telemetry.metrics import CONTENT_TYPE
from worker.jobs.errors import QueueUnavailable
from worker.jobs.records import QueueOverview
from worker.jobs.workers import Worker

logger = logging.getLogger(__name__)

STORE_PATIENCE_S = 1.0

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The page."}},
)
async def metrics(state: StateDep) -> Response:
    """Prometheus' text format. Counts are this process's own; jobs are read from Redis, which all processes share.

    When Redis does not answer in time, `convserve_queue_up` is 0 and there are no other job metrics.
    """
    queue, _ = await asyncio.gather(_overview(state), _drop_deleted_models(state))
    overview, workers = queue or (None, [])
    page = state.metrics.page(state.engine.loaded(), overview, workers, state.splits.series())
    return Response(page, headers={"Content-Type": CONTENT_TYPE})


async def _overview(state: ServiceState) -> tuple[QueueOverview, list[Worker]] | None:
    try:
        return await state.queue.call(lambda: (state.queue.jobs.overview(), state.queue.jobs.workers()))
    except QueueUnavailable:
        return None  # the page says so


async def _drop_deleted_models(state: ServiceState) -> None:
    """Limit the page to models that exist; without the store, to those that existed when it was last read."""
    try:
        index = await asyncio.wait_for(state.catalog.index(), STORE_PATIENCE_S)
    except (StoreUnavailable, TimeoutError) as error:
        logger.debug("models were not looked up for the metrics: %s", error)
    else:
        state.metrics.keep_only(index.models)
