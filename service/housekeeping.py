"""What the API process does now and then by itself: it gives memory back, and keeps in step with other processes.

A busy process sees deleted and unloaded models with every request. The kernel may give one of several processes no
connections at all; that one looks from here, so that it holds no memory for models that are gone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from model_store import StoreError
from service.inference.idle_memory import IdleMemory
from service.state import ServiceState

PAUSE_S = 2.0


@asynccontextmanager
async def housekeeping(state: ServiceState) -> AsyncIterator[None]:
    """Look regularly while the block lasts."""
    looking = asyncio.create_task(_look(state))
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look(state: ServiceState) -> None:
    memory = IdleMemory(state.engine.memory, state.settings.memory_target_bytes)
    while True:
        await asyncio.sleep(PAUSE_S)
        if state.settings.api_shared_dir is not None:
            state.engine.sync_unloaded()
            with suppress(StoreError):  # the next request reports it
                await state.catalog.index()
        await memory.look(is_busy=state.capacity.is_busy)
