"""Puts the service together: `create_app` with settings, or `uvicorn --factory service.app:from_environment`.

Reads the environment only in `from_environment`; everything else is handed down.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from model_store import ModelStore, open_store
from service import __version__, problems
from service.bodies import BodyGuard
from service.exchange import Exchange
from service.openapi import TAGS, complete
from service.problem_docs import common_responses
from service.routes import architectures, datasets, health, jobs, models, page, predict
from service.settings import ApiSettings
from service.state import running

DESCRIPTION = """
Train small convolutional image classifiers with `curl`, and serve them over HTTP.

1. `POST /jobs` starts a training: architecture, dataset and epochs are enough.
2. `GET /jobs/{id}` or its `/events` show how far it is; in the end it has a `model`.
3. `POST /predict` classifies a picture with the model published last, or the one you name.

Every error has the same body, `application/problem+json`: `type, title, status, detail, code` and, where parts of the
request are at fault, `errors: [{loc, message}]`. Every answer has an `X-Request-ID`; a request may bring its own.
"""
STREAMED = re.compile(r"(/models/.+)?/predict")
"""Paths whose routes read the request body themselves; every other body is JSON of modest size."""


def create_app(settings: ApiSettings, store: ModelStore | None = None) -> FastAPI:
    """The whole service as one ASGI application; nothing is opened before it starts.

    Args:
        settings: read once by whoever starts the process.
        store: instead of the one the settings name.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with running(settings, store or open_store(settings.store_location)) as state:
            app.state.service = state
            yield

    app = FastAPIOffline(
        title="convserve",
        version=__version__,
        summary="Trains and serves small convolutional image classifiers.",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=TAGS,
        lifespan=lifespan,
        responses=common_responses(),
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        redoc_url=None,
        static_url="/docs-assets",
    )
    for module in (jobs, predict, models, architectures, datasets, health, page):
        app.include_router(module.router)
    problems.install(app)
    app.add_middleware(
        BodyGuard,
        streamed=STREAMED,
        max_streamed_bytes=settings.max_body_bytes,
        max_json_bytes=settings.max_json_bytes,
    )
    app.add_middleware(Exchange)
    complete(app)
    return app


def from_environment() -> FastAPI:
    """The service as the environment describes it."""
    return create_app(ApiSettings())
