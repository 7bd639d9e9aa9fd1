"""What the API process holds while it runs: built when it starts, taken down when it stops, typed throughout.

Nothing here is durable; another process with the same settings serves just as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model_store import ModelStore
from service.catalog import Catalog
from service.curve_pictures import CurvePictures
from service.inference import Engine
from service.job_queue import JobQueue
from service.metrics import Metrics
from service.prediction import Predictor
from service.settings import ApiSettings
from service.stages import Stages
from worker.pixels import PictureLimits
from worker.tracing import Tracing


@dataclass(frozen=True)
class ServiceState:
    """Everything a route can ask for."""

    settings: ApiSettings
    store: ModelStore
    catalog: Catalog
    engine: Engine
    predictor: Predictor
    queue: JobQueue
    curves: CurvePictures
    metrics: Metrics


@contextmanager
def running(settings: ApiSettings, store: ModelStore, metrics: Metrics, tracing: Tracing) -> Iterator[ServiceState]:
    """Build the state, and let go of its threads and connections at the end."""
    stages = Stages(metrics, tracing)
    catalog = Catalog(store, settings.catalog_refresh_s)
    engine = Engine(
        store,
        stages,
        loaded_models=settings.loaded_models,
        threads=settings.inference_threads,
        workers=settings.inference_workers,
    )
    limits = PictureLimits(
        max_bytes=settings.max_picture_bytes,
        max_pixels=settings.max_picture_pixels,
        max_side=settings.max_picture_side,
    )
    predictor = Predictor(catalog, engine, stages, limits, settings.decode_threads)
    queue = JobQueue(settings.redis_url, settings.broker_url, tracing)
    try:
        yield ServiceState(settings, store, catalog, engine, predictor, queue, CurvePictures(), metrics)
    finally:
        queue.close()
        predictor.close()
        engine.close()
        catalog.close()
