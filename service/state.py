"""What the API process holds while it runs: built when it starts, closed when it stops, typed throughout.

Nothing here is durable; another process with the same settings serves equally well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from model_store import ModelStore
from service.datasets.conversions import Conversions
from service.datasets.listing import DatasetListing
from service.datasets.pictures import DatasetPictures
from service.drawing.comparison_pictures import ComparisonPictures
from service.drawing.contact_sheets import ContactSheets
from service.drawing.curve_pictures import CurvePictures
from service.feedback.pending import PendingFeedback
from service.fetching.fetcher import FetchRules, PictureFetcher
from service.imports.receiving import ModelUploads
from service.inference.batch_queue import BatchRules
from service.inference.engine import Engine, EngineRules
from service.inference.model_memory import MemoryRules
from service.inference.unloaded import UnloadedModels
from service.inside.looks import Looks
from service.inside.records import Records
from service.inside.sessions import InsideSessions
from service.jobs.notifier import Notifier
from service.jobs.queue import JobQueue
from service.keys.keyring import Keyring
from service.keys.needed import are_keys_needed
from service.models.catalog import Catalog
from service.predict.capacity import Capacity
from service.predict.decode_queue import DecodeRules
from service.predict.decoding import Decoder
from service.predict.predictor import Predictor
from service.predict.readiness import Ability, ability
from service.quotas.usage import Usage
from service.settings import ApiSettings
from service.splits.figures import Figures
from service.splits.sender import Sender
from service.splits.splits import Splits
from service.telemetry.metrics import Metrics
from service.telemetry.stages import Stages
from service.trust.wishes import TrustRecords
from service.web.streams import EventStreams
from worker.datasets.upload.options import UploadLimits
from worker.job_store.connection import connect
from worker.job_store.groups import GroupStore
from worker.job_store.notices import NoticeStore
from worker.job_store.reaper import Reaper
from worker.job_store.split_counts import SplitCounts
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.ledger.archive import Archive
from worker.ledger.archivist import Archivist
from worker.pictures.pixels import PictureLimits
from worker.telemetry.spans import Tracing

LARGEST_BODIES = 8
"""Bodies hold at most as many bytes as this many of the largest ones, if the settings do not say more or less."""


@dataclass(frozen=True)
class ServiceState:
    """Everything a route can ask for."""

    settings: ApiSettings
    store: ModelStore
    catalog: Catalog
    engine: Engine
    decoder: Decoder
    predictor: Predictor
    trust: TrustRecords
    queue: JobQueue
    curves: CurvePictures
    comparisons: ComparisonPictures
    metrics: Metrics
    datasets: DatasetListing
    conversions: Conversions
    sheets: ContactSheets
    dataset_pictures: DatasetPictures
    capacity: Capacity
    streams: EventStreams
    fetcher: PictureFetcher
    looks: Looks
    keyring: Keyring | None
    model_uploads: ModelUploads
    feedback: PendingFeedback
    splits: Splits
    split_figures: Figures

    async def ability(self) -> Ability:
        """Whether this process can classify pictures."""
        return await ability(self.catalog, self.engine, is_store_needed=not self.settings.ready_without_store)

    def usage(self) -> Usage:
        """Counts what owners use."""
        return Usage(self.queue, self.store.datasets, self.catalog)


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


def _datasets(settings: ApiSettings, store: ModelStore) -> tuple[DatasetListing, Conversions, ContactSheets]:
    directory = settings.datasets_path
    limits = UploadLimits(
        max_files=settings.max_dataset_files,
        max_unpacked_bytes=settings.max_dataset_unpacked_bytes,
        max_picture_bytes=settings.max_picture_bytes,
        max_picture_pixels=settings.max_picture_pixels,
        max_picture_side=settings.max_picture_side,
        max_pixels=settings.max_dataset_pixels,
        max_cpu_s=settings.max_dataset_cpu_s,
        max_memory_bytes=settings.max_dataset_memory_bytes,
        min_free_bytes=settings.min_free_bytes,
    )
    return (
        DatasetListing(store.datasets, directory),
        Conversions(store.datasets, directory / "uploads", limits, settings.max_dataset_uploads),
        ContactSheets(store.datasets, directory),
    )


def _fetcher(settings: ApiSettings) -> PictureFetcher:
    sizes = (settings.max_picture_bytes, settings.max_body_bytes)
    return PictureFetcher(FetchRules(settings.picture_urls, *sizes, settings.picture_url_timeout_s))


def _keyring(settings: ApiSettings, store: ModelStore) -> Keyring | None:
    if not are_keys_needed(settings):
        return None
    admin_key = settings.admin_key
    quotas = {
        str(scope): {str(name): limit for name, limit in limits.items()} for scope, limits in settings.quotas.items()
    }
    return Keyring(store.keys, None if admin_key is None else admin_key.get_secret_value(), quotas)


def _decoder(settings: ApiSettings, stages: Stages) -> Decoder:
    limits = PictureLimits(
        max_bytes=settings.max_picture_bytes,
        max_pixels=settings.max_picture_pixels,
        max_side=settings.max_picture_side,
        max_memory_bytes=settings.max_picture_memory_bytes,
    )
    rules = DecodeRules(settings.decode_threads, settings.decode_memory_bytes, settings.decode_queue_s)
    return Decoder(stages, limits, rules, settings.max_request_pixels)


@contextmanager
def _care_of_jobs(
    settings: ApiSettings, job_store: JobStore, archive: Archive, redis_client: redis.Redis
) -> Iterator[None]:
    """Threads beside the requests: for jobs without a worker, finished jobs in Redis, and notices of their ends."""
    secret = settings.notify_secret.get_secret_value() if settings.notify_secret else None
    threads = (
        # A worker's reaper ends with its machine; this one takes care of jobs when all workers are gone. Its wake-ups
        # have connections of their own, because those of requests may hang.
        Reaper(job_store, WakeUps(settings.broker_url)),
        Archivist(job_store, archive, settings.finished_jobs_kept),
        Notifier(NoticeStore(redis_client), job_store, secret, allow_private=settings.notify_private),
    )
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stop()


@contextmanager
def running(settings: ApiSettings, store: ModelStore, metrics: Metrics, tracing: Tracing) -> Iterator[ServiceState]:
    """Build the state, and close its threads and connections at the end."""
    stages = Stages(metrics, tracing)
    catalog = Catalog(store, settings.catalog_refresh_s)
    engine = Engine(store, stages, _engine_rules(settings), catalog.latest, UnloadedModels(settings.api_shared_dir))
    decoder = _decoder(settings, stages)
    trust = TrustRecords(store)
    looks = Looks(InsideSessions(store, settings.model_memory_bytes), Records(store), engine, decoder)
    catalog.on_lost(engine.forget)
    catalog.on_lost(looks.forget)
    redis_client = connect(settings.redis_url)
    archive = Archive(store.job_segments, settings.data_dir / "ledger" / "index.sqlite3", redis_client)
    job_store = JobStore(redis_client, half_life_s=settings.fair_half_life_s, archive=archive)
    groups = GroupStore(redis_client, job_store)
    queue = JobQueue(job_store, groups, WakeUps(settings.broker_url), settings.redis_url, tracing)
    held_bytes = settings.held_body_bytes or LARGEST_BODIES * settings.max_body_bytes
    capacity = Capacity(settings.max_predictions, held_bytes)
    sender = Sender(SplitCounts(redis_client), queue)
    splits = Splits(catalog, engine, lambda: capacity.is_busy, sender.counted)
    try:
        with _care_of_jobs(settings, job_store, archive, redis_client):
            yield ServiceState(
                settings,
                store,
                catalog,
                engine,
                decoder,
                Predictor(catalog, engine, decoder, trust, splits),
                trust,
                queue,
                CurvePictures(),
                ComparisonPictures(),
                metrics,
                *_datasets(settings, store),
                DatasetPictures(store.datasets, settings.datasets_path, settings.min_free_bytes),
                capacity,
                EventStreams(settings.max_streams),
                _fetcher(settings),
                looks,
                _keyring(settings, store),
                ModelUploads(settings.datasets_path / "uploads", settings.max_dataset_uploads),
                PendingFeedback(store.feedback, settings.max_feedback_pictures, settings.max_feedback_bytes),
                splits,
                Figures(splits, sender),
            )
    finally:
        splits.close()
        sender.close()
        looks.close()
        redis_client.close()
        decoder.close()
        engine.close()
        catalog.close()
