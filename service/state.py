"""What the API process holds while it runs: built when it starts, taken down when it stops, typed throughout.

Nothing here is durable; another process with the same settings serves just as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model_store import ModelStore
from service.batching import BatchRules
from service.catalog import Catalog
from service.comparison_pictures import ComparisonPictures
from service.contact_sheets import ContactSheets
from service.conversions import Conversions
from service.curve_pictures import CurvePictures
from service.dataset_catalog import DatasetCatalog
from service.inference import Engine, EngineRules
from service.job_queue import JobQueue
from service.metrics import Metrics
from service.model_memory import MemoryRules
from service.prediction import Predictor
from service.room import Room
from service.settings import ApiSettings
from service.stages import Stages
from service.unloaded import UnloadedModels
from worker.bell import Bell
from worker.datasets.upload.options import UploadLimits
from worker.jobs import JobBook, connect
from worker.pixels import PictureLimits
from worker.reaper import Reaper
from worker.tracing import Tracing

UNFINISHED_BODIES = 8
"""So many of the largest bodies, or as much of smaller ones, are held before they are complete."""


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
    comparisons: ComparisonPictures
    metrics: Metrics
    datasets: DatasetCatalog
    conversions: Conversions
    sheets: ContactSheets
    room: Room


def _engine_rules(settings: ApiSettings) -> EngineRules:
    batches = BatchRules(
        max_pictures=settings.batch_pictures,
        max_delay_s=settings.batch_delay_ms / 1000,
        queue_pictures=settings.queue_pictures,
        queue_s=settings.queue_s,
    )
    memory = MemoryRules(
        budget_bytes=settings.model_memory_bytes,
        max_models=settings.loaded_models,
        minimum_stay_s=settings.minimum_stay_s,
        pinned=settings.pinned_names(),
    )
    return EngineRules(settings.inference_threads, settings.inference_workers, batches, memory)


def _datasets(settings: ApiSettings, store: ModelStore) -> tuple[DatasetCatalog, Conversions, ContactSheets]:
    directory = settings.datasets_path
    limits = UploadLimits(
        max_files=settings.max_dataset_files,
        max_unpacked_bytes=settings.max_dataset_unpacked_bytes,
        max_picture_bytes=settings.max_picture_bytes,
        max_picture_pixels=settings.max_picture_pixels,
        max_picture_side=settings.max_picture_side,
    )
    return (
        DatasetCatalog(store.datasets, directory),
        Conversions(store.datasets, directory / "uploads", limits),
        ContactSheets(store.datasets, directory),
    )


@contextmanager
def running(settings: ApiSettings, store: ModelStore, metrics: Metrics, tracing: Tracing) -> Iterator[ServiceState]:
    """Build the state, and let go of its threads and connections at the end."""
    stages = Stages(metrics, tracing)
    catalog = Catalog(store, settings.catalog_refresh_s)
    engine = Engine(store, stages, _engine_rules(settings), UnloadedModels(settings.api_shared_dir))
    engine.memory.latest = catalog.latest
    catalog.on_lost = engine.memory.forget
    limits = PictureLimits(
        max_bytes=settings.max_picture_bytes,
        max_pixels=settings.max_picture_pixels,
        max_side=settings.max_picture_side,
    )
    predictor = Predictor(catalog, engine, stages, limits, settings.decode_threads)
    queue = JobQueue(settings.redis_url, settings.broker_url, tracing)
    # A worker's reaper does not outlive its machine; this one looks after the jobs of workers that are all gone.
    reaper = Reaper(JobBook(connect(settings.redis_url)), Bell(settings.broker_url))
    reaper.start()
    try:
        pictures = (CurvePictures(), ComparisonPictures())
        datasets, conversions, sheets = _datasets(settings, store)
        room = Room(settings.max_predictions, UNFINISHED_BODIES * settings.max_body_bytes)
        yield ServiceState(
            settings, store, catalog, engine, predictor, queue, *pictures, metrics, datasets, conversions, sheets, room
        )
    finally:
        reaper.stop()
        queue.close()
        predictor.close()
        engine.close()
        catalog.close()
