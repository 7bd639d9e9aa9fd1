"""Asks the routes of an application in this process, without a network."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from model_store import open_store
from service.app import create_app
from service.inference.c_memory import settle
from service.settings import ApiSettings

ROUTES = {
    "GET /metrics": "/metrics",
    "GET /jobs": "/jobs?limit=50&view=row",
    "GET /jobs, whole records": "/jobs?limit=50",
    "GET /jobs of an owner, failed": "/jobs?limit=50&view=row&owner=student-03&state=failed",
    "GET /jobs with a tag": "/jobs?limit=50&view=row&tag=week-2",
}


class Routes(NamedTuple):
    """An application that runs."""

    runner: asyncio.Runner
    client: httpx.AsyncClient

    def get(self, path: str) -> None:
        """Ask until the answer is not 503: on a machine that stalls, Redis misses a deadline. All of it takes time."""
        while (answer := self.runner.run(self.client.get(path))).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            pass
        answer.raise_for_status()


@contextmanager
def running_routes(data_dir: Path, redis_url: str) -> Iterator[Routes]:
    """Start the application on a data directory and a server."""
    settings = ApiSettings(data_dir=data_dir, redis_url=redis_url, store_url=str(data_dir / "store"))
    app = create_app(settings, open_store(str(data_dir / "store")))
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        settle()  # as `convserve api` does
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
        try:
            yield Routes(runner, client)
        finally:
            runner.run(client.aclose())
            runner.run(lifespan.__aexit__(None, None, None))
