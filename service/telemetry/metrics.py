"""The metrics of one process, in a registry that belongs to one application.

Every metric's name, labels and buckets are defined here and nowhere else; callers report plain facts. Labels are
bounded: routes are templates, models are models that exist, states and codes are few.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service import __version__
from service.telemetry.splits import SplitSeries, split_metrics
from service.telemetry.tallies import Count, Observations, counters, histograms
from worker.jobs.records import QueueOverview
from worker.jobs.states import FINISHED
from worker.jobs.workers import Worker

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
"""Label of everything without a name of its own: addresses without a route, unknown methods."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STAGE_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
LOAD_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
GPU_LABELS = ("worker", "host", "gpu")
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class LoadedModel:
    """A version in memory and the size of its network's file."""

    model: str
    version: int
    size_bytes: int


@dataclass(frozen=True)
class _OfModel:
    """The series of one model, kept because looking them up by label costs more than counting."""

    decode: Observations
    queue: Observations
    compute: Observations
    batch: Observations
    answered: Count


class Metrics:
    """Everything one process counts."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(namespace="convserve", registry=registry)
        build = Gauge("convserve_build_info", "1, with the version that runs.", ["version"], registry=registry)
        build.labels(__version__).set(1)
        self._requests = counters(
            "convserve_http_requests",
            "Requests answered, by route template, method and status.",
            ["route", "method", "status"],
            registry,
        )
        self._request_seconds = histograms(
            "convserve_http_request_duration_seconds",
            "From a request's arrival to the end of its answer; a progress stream lasts until its client leaves.",
            ["route", "method"],
            REQUEST_BUCKETS_S,
            registry,
        )
        self._count_predictions(registry)
        self._count_pictures_and_loads(registry)
        self._models: dict[str, _OfModel] = {}
        self._watched: set[str] = set()  # models with series of unusual pictures
        self._exchanges: dict[tuple[str, str, int], tuple[Count, Observations]] = {}  # as in `_OfModel`

    def _count_predictions(self, registry: CollectorRegistry) -> None:
        self._decode, self._queue, self._compute = (
            histograms(f"convserve_prediction_{stage}_seconds", text, ["model"], STAGE_BUCKETS_S, registry)
            for stage, text in (
                ("decode", "Decoding the pictures of one request, the wait for a thread included."),
                ("queue", "The wait of a batch's first picture for the batch to begin."),
                ("compute", "ONNX Runtime's work on one batch."),
            )
        )
        self._batch = histograms(
            "convserve_batch_pictures", "Pictures in one run of ONNX Runtime.", ["model"], BATCH_BUCKETS, registry
        )
        self._answered = counters(
            "convserve_pictures_answered", "Pictures that got probabilities.", ["model"], registry
        )

    def _count_pictures_and_loads(self, registry: CollectorRegistry) -> None:
        self._unusual = Counter(
            "convserve_pictures_unusual",
            "Pictures that are unlike the training pictures; of those that are not, 1 %.",
            ["model"],
            registry=registry,
        )
        self._shift = Gauge(
            "convserve_input_shift",
            "Distance of the last 200 pictures from held-out ones, 0 to 1 (Kolmogorov-Smirnov); shifted from 0.25 on.",
            ["model"],
            registry=registry,
        )
        self._rejected = Counter(
            "convserve_pictures_rejected",
            "Pictures that could not be read, by error code.",
            ["code"],
            registry=registry,
        )
        self._load_seconds = Histogram(
            "convserve_model_load_seconds",
            "Reading a version from the store and preparing it.",
            buckets=LOAD_BUCKETS_S,
            registry=registry,
        )

    def request_answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one HTTP exchange under its route's template, `OTHER` when it has none."""
        key = (route, method if method in METHODS else OTHER, status)
        series = self._exchanges.get(key)
        if series is None:
            series = self._exchanges[key] = (
                self._requests.labels(route, key[1], str(status)),
                self._request_seconds.labels(route, key[1]),
            )
        series[0].inc()
        series[1].observe(seconds)

    def pictures_decoded(self, model: str, seconds: float) -> None:
        """Note how long decoding the pictures of one request took."""
        self._of(model).decode.observe(seconds)

    def batch_run(self, model: str, n_pictures: int, queue_s: float, compute_s: float) -> None:
        """Note one run of ONNX Runtime."""
        series = self._of(model)
        series.queue.observe(queue_s)
        series.compute.observe(compute_s)
        series.batch.observe(n_pictures)
        series.answered.inc(n_pictures)

    def pictures_unusual(self, model: str, n_pictures: int) -> None:
        """Count pictures that are unlike the training pictures."""
        self._watched.add(model)
        self._unusual.labels(model).inc(n_pictures)

    def inputs_compared(self, model: str, distance: float) -> None:
        """Note how far the last pictures of a model are from those it knows."""
        self._watched.add(model)
        self._shift.labels(model).set(distance)

    def picture_rejected(self, code: str) -> None:
        """Count a picture that could not be read."""
        self._rejected.labels(code).inc()

    def model_loaded(self, seconds: float) -> None:
        """Note how long loading a version took."""
        self._load_seconds.observe(seconds)

    def keep_only(self, models: Collection[str]) -> None:
        """Drop the series of models that no longer exist."""
        for model in self._models.keys() - set(models):
            del self._models[model]
            for metric in (self._decode, self._queue, self._compute, self._batch, self._answered):
                metric.remove(model)
        for model in self._watched - set(models):
            self._watched.discard(model)
            for series in (self._unusual, self._shift):
                with suppress(KeyError):  # only one of the two may have begun
                    series.remove(model)

    def page(
        self,
        loaded: Collection[LoadedModel],
        queue: QueueOverview | None,
        workers: Sequence[Worker] = (),
        splits: Iterable[SplitSeries] = (),
    ) -> bytes:
        """Everything in Prometheus' text format.

        Args:
            loaded: what is in memory now.
            queue: the jobs as they are now; None when Redis does not answer.
            workers: those that are alive.
            splits: what aliases with several versions have counted.
        """
        return generate_latest(_Page(self._registry, loaded, queue, workers, splits))

    def _of(self, model: str) -> _OfModel:
        series = self._models.get(model)
        if series is None:
            series = self._models[model] = _OfModel(
                self._decode.labels(model),
                self._queue.labels(model),
                self._compute.labels(model),
                self._batch.labels(model),
                self._answered.labels(model),
            )
        return series


class _Page(Collector):
    """What was counted since the start, and the current state of everything else."""

    def __init__(
        self,
        registry: CollectorRegistry,
        loaded: Collection[LoadedModel],
        queue: QueueOverview | None,
        workers: Sequence[Worker],
        splits: Iterable[SplitSeries],
    ) -> None:
        self._registry = registry
        self._loaded = loaded
        self._queue = queue
        self._workers = workers
        self._splits = splits

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            # The client library adds a `_created` time to every series: a third of the page, and of no use here.
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
        yield from _loaded_models(self._loaded)
        yield from split_metrics(self._splits)
        yield _gauge(
            "convserve_queue_up",
            "1 when Redis answers, else 0; without Redis there are no other metrics of jobs.",
            self._queue is not None,
        )
        if self._queue is not None:
            yield from _jobs(self._queue)
            yield from _workers(self._workers)


def _loaded_models(loaded: Collection[LoadedModel]) -> Iterable[Metric]:
    yield _gauge("convserve_loaded_models", "Model versions in memory.", len(loaded))
    sizes = GaugeMetricFamily(
        "convserve_loaded_model_bytes",
        "Size of the network's file of each version in memory.",
        labels=["model", "version"],
    )
    for entry in loaded:
        sizes.add_metric([entry.model, str(entry.version)], entry.size_bytes)
    yield sizes


def _jobs(queue: QueueOverview) -> Iterable[Metric]:
    jobs = GaugeMetricFamily("convserve_jobs", "Jobs on record, by state.", labels=["state"])
    for state, count in queue.jobs.items():
        jobs.add_metric([state], count)
    yield jobs
    yield _gauge("convserve_queue_depth", "Jobs that wait for a worker.", queue.queued)
    unfinished = sum(count for state, count in queue.jobs.items() if state not in FINISHED)
    yield _gauge("convserve_workers_wanted", "Jobs that wait or run: with so many workers none waits.", unfinished)
    yield _gauge(
        "convserve_queue_longest_wait_seconds",
        "How long the job that has waited longest has waited; 0 when none waits.",
        queue.longest_wait_s,
    )
    yield _gauge(
        "convserve_training_images_per_second",
        "Pictures trained on per second, all running jobs together.",
        queue.images_per_second,
    )


def _workers(workers: Sequence[Worker]) -> Iterable[Metric]:
    yield _gauge("convserve_workers", "Workers that are alive.", len(workers))
    busy = GaugeMetricFamily(
        "convserve_worker_busy", "1 while the worker runs a job, else 0.", labels=["worker", "host"]
    )
    used = GaugeMetricFamily(
        "convserve_worker_gpu_memory_used_bytes", "Memory in use on a GPU of the worker's machine.", labels=GPU_LABELS
    )
    total = GaugeMetricFamily("convserve_worker_gpu_memory_bytes", "Memory of that GPU.", labels=GPU_LABELS)
    share = GaugeMetricFamily(
        "convserve_worker_gpu_utilization",
        "Share of the time in which that GPU computes, from 0 to 1.",
        labels=GPU_LABELS,
    )
    for worker in workers:
        busy.add_metric([worker.id, worker.host], float(worker.running is not None))
        for number, gpu in enumerate(worker.gpus):
            labels = [worker.id, worker.host, str(number)]
            used.add_metric(labels, gpu.used_bytes)
            total.add_metric(labels, gpu.total_bytes)
            if gpu.utilization is not None:
                share.add_metric(labels, gpu.utilization)
    yield from (busy, used, total, share)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
