"""Asks the service of the changed sources without a network: `python -c "import tests.examples.asked …"`."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from model_store import open_store
from service.app import create_app
from service.settings import ApiSettings
from tests.unit.service.tiny_networks import publish

Conversation = Callable[[httpx.AsyncClient], Coroutine[Any, Any, object]]


def ask(conversation: Conversation) -> None:
    """Start the service with the model `brightness`, have a conversation with it, and print its outcome as JSON."""
    asyncio.run(_ask(conversation))


async def _ask(conversation: Conversation) -> None:
    store = open_store("memory://")
    publish(store)
    with TemporaryDirectory() as directory:
        settings = ApiSettings(data_dir=Path(directory), redis_url=f"unix://{directory}/nobody-listens.sock")
        app = create_app(settings, store)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
        ):
            print(json.dumps(await conversation(client)))  # noqa: T201 - the test reads it
