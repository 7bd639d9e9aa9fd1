"""Uploading a dataset over HTTP in tests: send, wait, and see what is left."""

import asyncio
from typing import Any

import httpx
import psutil

from model_store import ModelStore
from service.settings import ApiSettings
from tests.busy_machine import PATIENCE_S
from tests.running import has_argument

ZIP = {"Content-Type": "application/zip"}


async def upload(api: httpx.AsyncClient, archive: bytes, **query: str) -> httpx.Response:
    return await api.post("/datasets", params={"name": "pets", **query}, content=archive, headers=ZIP)


async def converted(api: httpx.AsyncClient, name: str = "pets") -> dict[str, Any]:
    """The dataset once its conversion has ended, either way."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer: dict[str, Any] = (await api.get(f"/datasets/{name}")).json()
            if answer["state"] != "converting":
                return answer
            await asyncio.sleep(0.05)


async def added(api: httpx.AsyncClient, name: str = "pets") -> dict[str, Any]:
    """The dataset once nothing is being added."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer: dict[str, Any] = (await api.get(f"/datasets/{name}")).json()
            if answer["addition"] is None or answer["addition"]["state"] != "converting":
                return answer
            await asyncio.sleep(0.05)


def converter() -> psutil.Process:
    """The only converter process there is."""
    (found,) = (child for child in psutil.Process().children() if has_argument(child, "worker.datasets.upload.convert"))
    return found


def leftovers(settings: ApiSettings, store: ModelStore) -> list[str]:
    """Every file of uploads on the disk and in the store."""
    kept = [path.name for path in (settings.datasets_path / "uploads").rglob("*")]
    return kept + store.datasets.names()
