"""Notices that a client has left while its prediction waits, so that nobody works for nobody.

The layer that reads the body says how to listen, once per request; whoever waits long listens. Listening costs a task
of its own, which is why those who are answered at once do without.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from starlette.types import Receive

from service.errors import ClientLeft

T = TypeVar("T")

receive_of_request: ContextVar[Receive | None] = ContextVar("receive_of_request", default=None)
"""The request's own `receive`; its body has been read to the end by whoever calls `while_client_stays`."""


async def while_client_stays(work: Coroutine[Any, Any, T]) -> T:
    """Do the work, or give it up when the client leaves.

    Raises:
        ClientLeft: the client left first, and the work was cancelled.
    """
    receive = receive_of_request.get()
    if receive is None:
        return await work
    working = asyncio.ensure_future(work)
    listening = asyncio.ensure_future(_until_disconnected(receive))
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and listening.exception() is None:
            raise ClientLeft
        return await working
    finally:
        working.cancel()
        listening.cancel()


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
