"""What the API process does now and then by itself: it gives memory back, and keeps in step with other processes.

A busy process sees deleted and unloaded models with every request. The kernel may give one of several processes no
connections at all; that one looks from here, so that it holds no memory for models that are gone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from model_store import StoreError
from service.bulk.results import delete_older
from service.inference.idle_memory import IdleMemory
from service.jobs.model_users import versions_read
from service.models.retention import RetentionRules, apply_rules
from service.state import ServiceState

logger = logging.getLogger(__name__)

PAUSE_S = 2.0
RULES_EVERY_S = 3600.0


@asynccontextmanager
async def housekeeping(state: ServiceState) -> AsyncIterator[None]:
    """Look regularly while the block lasts."""
    tasks = [asyncio.create_task(work(state)) for work in (_look, _keep_rules, _drop_old_predictions)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _keep_rules(state: ServiceState) -> None:
    """Delete old versions every hour, if the settings say which ones may go."""
    rules = RetentionRules(keep_best=state.settings.keep_best, older_than_days=state.settings.delete_after_days)
    while not rules.is_empty:
        try:
            read = await versions_read(state.queue)
            await apply_rules(rules, state.catalog, state.store, state.engine.forget, read, dry_run=False)
        except StoreError as error:
            logger.warning("old versions were not looked for: %s", error)
        await asyncio.sleep(RULES_EVERY_S)


async def _drop_old_predictions(state: ServiceState) -> None:
    """Delete the answers of old jobs every hour."""
    while True:
        await asyncio.sleep(RULES_EVERY_S)
        try:
            await asyncio.to_thread(delete_older, state.store.predictions, state.settings.bulk_kept_days)
        except StoreError as error:
            logger.warning("old answers of jobs were not looked for: %s", error)


async def _look(state: ServiceState) -> None:
    memory = IdleMemory(state.engine.memory, state.settings.memory_target_bytes)
    while True:
        await asyncio.sleep(PAUSE_S)
        if state.settings.api_shared_dir is not None:
            state.engine.sync_unloaded()
            with suppress(StoreError):  # the next request reports it
                await state.catalog.index()
        await memory.look(is_busy=state.capacity.is_busy)
