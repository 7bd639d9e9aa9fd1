"""Assembles the service: `create_app` with settings, or `uvicorn --factory service.app:from_environment`.

Only `from_environment` reads the environment; everything else receives its settings as arguments.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline

import service.web.absent  # noqa: F401 - before everything that imports redis or declares routes
from model_store import ModelStore, open_store
from service import __version__
from service.datasets.archive_bodies import FORM_OVERHEAD_BYTES
from service.fast.lane import LANE, FastLane
from service.imports.model_bodies import IMPORT_OVERHEAD_BYTES
from service.keys.gate import Gate
from service.keys.route_scopes import Route, RouteScopes
from service.labelling.training import Trainings
from service.layers.admission import Admission
from service.layers.body_guard import BodyGuard
from service.layers.exchange import Exchange
from service.layers.front_door import FrontDoor
from service.layers.head_requests import HeadRequests
from service.layers.platform_paths import PlatformPaths
from service.lifespan.housekeeping import housekeeping
from service.lifespan.warm_up import warm_up
from service.openapi import TAGS, complete
from service.predict.uploads import ForeignDocument
from service.predict.urls import (
    ARCHIVES,
    IMPORTS,
    LONG_BODIES,
    POSTED,
    STREAMED,
    VERTEX_HEALTH,
    VERTEX_PREDICT,
    is_prediction,
)
from service.protocols import (
    cloud_routes,
    faults,
    hub_routes,
    inference_routes,
    label_studio_routes,
    repository_routes,
    serving_routes,
)
from service.protocols.documents import answer_foreign
from service.routes import (
    alias_history,
    aliases,
    api_docs,
    architectures,
    bulk_predictions,
    compare,
    convolve,
    croissant,
    dataset_pictures,
    dataset_versions,
    datasets,
    doctor,
    events,
    exports,
    feedback,
    feedback_collecting,
    feedback_lists,
    films,
    groups,
    health,
    imports,
    inside,
    job_lists,
    jobs,
    keys,
    leaderboard,
    llms,
    mcp,
    me,
    mistakes,
    models,
    page,
    predict,
    prediction_rows,
    prometheus,
    records,
    reports,
    resumable_uploads,
    retention,
    submissions,
    workers,
)
from service.settings import ApiSettings
from service.state import ServiceState, running
from service.telemetry.metrics import OTHER, Metrics
from service.web import problems
from service.web.connection_deadlines import ConnectionLimits
from service.web.connection_limits import CONNECTIONS
from service.web.connection_table import ConnectionTable, connections_within
from service.web.doors import Doors
from service.web.problem_docs import common_responses
from service.web.unknown_parameters import REFUSE_UNKNOWN_PARAMETERS
from worker.settings import use_umask
from worker.telemetry.spans import Tracing
from worker.telemetry.tracing import NoTracing, open_tracing

DESCRIPTION = """
Train small convolutional image classifiers with `curl`, and serve them over HTTP.

1. `POST /jobs` starts a training: architecture, dataset and epochs are enough.
2. `GET /jobs/{id}` or its `/events` show how far it is; in the end it has a `model`.
3. `POST /predict` classifies a picture with the model published last, or the one you name.

Clients of Triton, KServe and TensorFlow Serving find their own protocols under `/v2` and `/v1`: the Open Inference
Protocol and TensorFlow Serving's REST API, with their own error bodies. Both are described elsewhere.

Every error has the same body, `application/problem+json`: `type, title, status, detail, code` and, where parts of the
request are at fault, `errors: [{loc, message}]`. Every answer has an `X-Request-ID`; a request may bring its own.
"""
ROUTES = (
    *(
        submissions,
        job_lists,
        jobs,
        events,
        groups,
        compare,
        predict,
        bulk_predictions,
        prediction_rows,
        feedback,
        feedback_lists,
        feedback_collecting,
        convolve,
        models,
        imports,
        aliases,
        alias_history,
        doctor,
        inside,
        records,
        exports,
        films,
        mistakes,
        reports,
        architectures,
        datasets,
        dataset_pictures,
        dataset_versions,
        croissant,
        resumable_uploads,
        leaderboard,
        keys,
        workers,
        retention,
        me,
        llms,
        mcp,
        health,
        prometheus,
        page,
        api_docs,
    ),
    *(inference_routes, repository_routes, serving_routes, hub_routes, cloud_routes, label_studio_routes),
)
TRIED_FIRST = (predict, inference_routes, health, prometheus)
"""A path is compared with one route after the other, a microsecond each, and most requests predict. Besides, FastAPI
builds the routes of a module a second time when the first request passes them: a process that predicts and is probed
never builds the others."""
LENIENT = (llms, mcp, health, prometheus, hub_routes, cloud_routes, label_studio_routes)
"""Their callers are probes and clients of others, which may add parameters of their own."""


def create_app(settings: ApiSettings, store: ModelStore | None = None) -> FastAPI:
    """The whole service as one ASGI application; it opens nothing before it starts.

    Args:
        settings: read once, when the process starts.
        store: used instead of the one that the settings name.

    Raises:
        TracingUnavailable: the settings ask for traces, but the packages for them are missing.
    """
    metrics = Metrics()
    doors, gate = Doors(settings.host_names(), settings.origins()), _gate(settings)
    tracing = open_tracing(settings.otel_endpoint, settings.otel_service_name, "api")

    app = FastAPIOffline(
        title="convserve",
        version=__version__,
        summary="Trains and serves small convolutional image classifiers.",
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=TAGS,
        lifespan=_lifespan(settings, store, metrics, tracing, doors, gate),
        responses=common_responses(),
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        redoc_url=None,
        docs_url=None,
        static_url=api_docs.ASSETS,
    )
    for module in sorted(ROUTES, key=lambda module: module not in TRIED_FIRST):
        is_strict = module.router.include_in_schema and module not in LENIENT
        app.include_router(module.router, dependencies=[REFUSE_UNKNOWN_PARAMETERS] if is_strict else [])
    app.add_exception_handler(ForeignDocument, answer_foreign)
    problems.install(app, dict.fromkeys(faults.PREFIXES, faults))
    _add_layers(app, settings, metrics, tracing, doors, gate)
    complete(app, [route.path for route in _routes() if route.include_in_schema])
    return app


def _lifespan(
    settings: ApiSettings, store: ModelStore | None, metrics: Metrics, tracing: Tracing, doors: Doors, gate: Gate
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]:
    """What opens the state of the process when the application starts, and closes it at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        opened = store or open_store(settings.store_location, settings.min_free_bytes)
        with running(settings, opened, metrics, tracing) as state:
            app.state.service = state
            app.state.label_studio_trainings = Trainings()
            state.conversions.open()
            await warm_up(state)
            page.bundle()  # says at the start, not at the first visit, when there is none
            try:
                async with housekeeping(state), _fresh_keys(state):
                    connections = _connections(settings, metrics)
                    # Spans are made in the layers that the lane skips.
                    lane = {LANE: FastLane(state, doors, gate)} if isinstance(tracing, NoTracing) else {}
                    yield {CONNECTIONS: connections, **lane}
            finally:
                app.state.label_studio_trainings.close()
                await state.conversions.close()
        await asyncio.to_thread(tracing.close)

    return lifespan


def _add_layers(
    app: FastAPI, settings: ApiSettings, metrics: Metrics, tracing: Tracing, doors: Doors, gate: Gate
) -> None:
    # From the inside to the outside.
    app.add_middleware(Admission)
    app.add_middleware(
        BodyGuard,
        streamed={STREAMED: settings.max_body_bytes, ARCHIVES: settings.max_dataset_bytes + FORM_OVERHEAD_BYTES},
        max_json_bytes=settings.max_json_bytes,
        posted={POSTED: settings.max_body_bytes, IMPORTS: settings.max_model_bytes + IMPORT_OVERHEAD_BYTES},
    )
    app.add_middleware(HeadRequests)
    app.add_middleware(FrontDoor, doors=doors, gate=gate)
    platform_paths = {settings.vertex_health_route: VERTEX_HEALTH, settings.vertex_predict_route: VERTEX_PREDICT}
    if any(platform_paths):
        app.add_middleware(PlatformPaths, paths=platform_paths)
    app.add_middleware(Exchange, metrics=metrics, tracing=tracing)


def _fresh_keys(state: ServiceState) -> AbstractAsyncContextManager[None]:
    return nullcontext() if state.keyring is None else state.keyring.kept_fresh()


def _routes() -> list[APIRoute]:
    """In the order of the document."""
    return [route for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)]


def _gate(settings: ApiSettings) -> Gate:
    scopes = RouteScopes(Route(method, route.path) for route in _routes() for method in sorted(route.methods or ()))
    return Gate(scopes, is_prediction, are_metrics_open=settings.metrics_open)


def _connections(settings: ApiSettings, metrics: Metrics) -> ConnectionTable:
    limits = ConnectionLimits(
        header_s=settings.header_timeout_s,
        idle_s=settings.keep_alive_s,
        body_s=settings.body_timeout_s,
        long_body_paths=LONG_BODIES,
        long_body_s=settings.dataset_body_timeout_s,
        body_bytes_per_s=settings.min_body_bytes_per_s,
        rate_window_s=settings.body_rate_window_s,
        send_s=settings.send_timeout_s,
        connections=connections_within(settings.max_connections),
        connections_per_address=settings.max_connections_per_address,
    )
    return ConnectionTable(limits, lambda status: metrics.request_answered(OTHER, OTHER, status, 0))


def from_environment() -> FastAPI:
    """The service with settings from the environment."""
    settings = ApiSettings()
    use_umask(settings)
    return create_app(settings)
