"""Keeps an idle process in step with the others, so that it holds no memory for models that are gone.

A busy process sees deleted and unloaded models with every request. The kernel may give one of several processes no
connections at all; that one looks from here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from model_store import StoreError
from service.state import ServiceState

PAUSE_S = 2.0


@asynccontextmanager
async def housekeeping(state: ServiceState) -> AsyncIterator[None]:
    """Look regularly while the block lasts, if there are other processes."""
    if state.settings.api_shared_dir is None:
        yield
        return
    looking = asyncio.create_task(_look(state))
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look(state: ServiceState) -> None:
    while True:
        await asyncio.sleep(PAUSE_S)
        state.engine.sync_unloaded()
        with suppress(StoreError):  # the next request reports it
            await state.catalog.index()
