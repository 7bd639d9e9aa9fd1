"""Stops work whose client has disconnected.

The layer that reads the body publishes the request's `receive`; code that may wait long listens on it. Listening costs
a task of its own, so requests that are answered at once do not listen.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from starlette.types import Receive

from service.errors import ClientLeft

T = TypeVar("T")

receive_of_request: ContextVar[Receive | None] = ContextVar("receive_of_request", default=None)
"""The request's own `receive`. Its body must have been read to the end before `while_client_stays` is called."""


async def while_client_stays(work: Coroutine[Any, Any, T]) -> T:
    """Do the work, or cancel it when the client disconnects.

    Raises:
        ClientLeft: the client disconnected first, and the work was cancelled.
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
        del working, listening  # an error of the work refers to this frame: together they would be a cycle


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
