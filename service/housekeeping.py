"""Keeps a process that nobody asks anything in step with the others, so that it holds no memory for what is gone.

Whoever is asked looks at the store and at what is unloaded with every request; this is for the processes on which the
kernel happens to bestow none.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from model_store import StoreError
from service.state import ServiceState

PAUSE_S = 2.0


@asynccontextmanager
async def housekeeping(state: ServiceState) -> AsyncIterator[None]:
    """Look now and then while the block lasts, if there are other processes."""
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
        state.engine.look()
        with suppress(StoreError):  # whoever asks is told
            await state.catalog.index()
