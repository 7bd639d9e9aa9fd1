"""Measures the ledger with many finished and queued jobs: sizes, and times of lists, metrics, submissions, claims.

    python -m benchmarks.ledger --finished 10000 100000 1000000 --queued 10000

Times are of the store's methods in one process, as a route calls them, and of routes of an application in this process,
without a network. A server of its own is started, and everything is written below a temporary directory that is removed
at the end.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import redis

from benchmarks.ledger.filling import fill_ledger
from benchmarks.ledger.jobs import ARCHITECTURES, MODELS, OWNERS, fill_queue, history, template
from benchmarks.ledger.routes import ROUTES, running_routes
from model_store import open_store
from service.inference.c_memory import settle
from service.jobs.job_rows import row_of
from tests.promises.servers import Broker
from worker.job_store.connection import connect
from worker.job_store.filters import NEWEST, JobFilter
from worker.job_store.keys import epochs_key, events_key, job_key, log_key
from worker.job_store.store import JobStore
from worker.jobs.records import Progress
from worker.jobs.states import JobState
from worker.ledger.archive import Archive

LONG_EPOCHS = 1000
WARM_UP = 2
"""Calls before those that count: of an application that has just started, the first one loads modules."""
RESULTS = Path(__file__).parent.parent / "results" / "ledger.json"


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum in milliseconds."""
    ordered = sorted(seconds)
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        name: round(1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) for name, share in at.items()
    }


def timed(client: redis.Redis, ask: Callable[[], object], n: int) -> dict[str, dict[str, float]]:
    """How long a call takes, and how much processor time, which a busy machine does not make longer."""
    for _ in range(WARM_UP):
        ask()
    wall, own = [], []
    server = _server_cpu_s(client)
    for _ in range(n):
        began_at, cpu = time.perf_counter(), time.process_time()
        ask()
        wall.append(time.perf_counter() - began_at)
        own.append(time.process_time() - cpu)
    server_ms = round(1e3 * (_server_cpu_s(client) - server) / n, 2)
    return {"wall": quantiles(wall), "cpu": quantiles(own) | {"server mean": server_ms}}


def _server_cpu_s(client: redis.Redis) -> float:
    used = client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def filters() -> dict[str, JobFilter]:
    """Filters of every kind, wide and narrow."""
    return {
        "all": JobFilter(),
        "state=failed": JobFilter((JobState.FAILED,)),
        "state=queued": JobFilter((JobState.QUEUED,)),
        "owner": JobFilter(owner=OWNERS[3]),
        "owner, failed": JobFilter((JobState.FAILED,), OWNERS[3]),
        "tag": JobFilter(properties={"tag": "week-2"}),
        "model": JobFilter(properties={"model": MODELS[4]}),
        "architecture, dataset": JobFilter(
            properties={"architecture": ARCHITECTURES[1], "dataset": "fashion_mnist_sample"}
        ),
        "everything": JobFilter(
            (JobState.CANCELLED,),
            OWNERS[5],
            {"tag": "week-1", "model": MODELS[4], "architecture": ARCHITECTURES[1]},
        ),
        "nothing": JobFilter(owner="nobody", properties={"model": MODELS[1]}),
    }


def lists(
    client: redis.Redis, jobs: JobStore, n_jobs: int, n: int, limit: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Times of pages at random places, records included."""
    chance = random.Random(9)
    times = {}
    for name, wanted in filters().items():

        def page(wanted: JobFilter = wanted) -> None:
            below = NEWEST if chance.random() < 0.3 else chance.randint(1, n_jobs)
            found, _ = jobs.find(wanted, below, limit + 1)
            for record in jobs.records_of(found[:limit]):
                row_of(record).model_dump_json()

        times[name] = timed(client, page, n)
    return times


def long_job(jobs: JobStore, client: redis.Redis) -> int:
    """Bytes in Redis of a running job of 1,000 epochs, each with ten reports of progress."""
    claim = jobs.claim(jobs.submit(template(ARCHITECTURES[0], "long").request).id)
    assert claim is not None
    whole = history(LONG_EPOCHS)
    names = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    progress = Progress(
        phase="training",
        epochs=LONG_EPOCHS,
        steps=938,
        loss=0.123456789,
        accuracy=0.987654321,
        images_per_second=12345.678,
        eta_s=1234.5678,
    )
    for epoch in range(1, LONG_EPOCHS + 1):
        known = whole.model_copy(update={name: getattr(whole, name)[:epoch] for name in names})
        for step in range(10):
            jobs.heartbeat(claim, progress.model_copy(update={"epoch": epoch, "step": step}), known, "progress")
        jobs.append_log(
            claim.job, [f"2026-01-01 10:00:00 epoch {epoch}: loss 0.1234, accuracy 0.9876, val_loss 0.2345"]
        )
    keys = (job_key(claim.job), events_key(claim.job), epochs_key(claim.job), log_key(claim.job))
    return sum(int(client.memory_usage(key, samples=0) or 0) for key in keys)


def measured(client: redis.Redis, jobs: JobStore, n_finished: int, asked: argparse.Namespace) -> dict[str, object]:
    """Sizes and times with so many finished jobs."""
    plan = template(ARCHITECTURES[0], MODELS[0]).request
    chance = random.Random(10)
    return {
        "finished": n_finished,
        "queued": asked.queued,
        "Redis MB": round(client.info("memory")["used_memory"] / 1e6, 1),
        "lists ms": lists(client, jobs, n_finished + asked.queued, asked.calls, asked.limit),
        "overview (/metrics) ms": timed(client, jobs.overview, asked.calls),
        "submit ms": timed(client, lambda: jobs.submit(plan, owner=OWNERS[0]), asked.calls),
        "one archived job ms": timed(client, lambda: jobs.get(f"j{chance.randint(1, n_finished):09}"), asked.calls),
        "claim ms": timed(client, jobs.claim, min(asked.calls, asked.queued)),
    }


def routes(client: redis.Redis, data_dir: Path, redis_url: str, n: int) -> dict[str, dict[str, dict[str, float]]]:
    """Times of whole requests."""
    with running_routes(data_dir, redis_url) as app:
        return {name: timed(client, partial(app.get, path), n) for name, path in ROUTES.items()}


def kept(steps: list[dict[str, Any]], bytes_of_long_job: int) -> dict[str, str]:
    """The bars, and what the last step measured against them; processor time for a run on a busy machine."""
    last = steps[-1]
    slowest = max(last["lists ms"].values(), key=lambda times: times["wall"]["p99"])
    return {
        "any page of any filter, p99 <= 50 ms": _shown(slowest),
        "/metrics <= 20 ms": _shown(last["routes ms"]["GET /metrics"]),
        "submit <= 10 ms": _shown(last["submit ms"]),
        "Redis <= 256 MB": f"{last['Redis MB']} MB",
        "a running job of 1,000 epochs <= 1 MB": f"{bytes_of_long_job / 1e6:.2f} MB",
    }


def _shown(times: dict[str, dict[str, float]]) -> str:
    own, server = times["cpu"]["p99"], times["cpu"]["server mean"]
    return f"p99 {times['wall']['p99']} ms, median {times['wall']['p50']} ms, of processor time {own} + {server} ms"


def main() -> None:
    """Measure at each size, and print and keep everything as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finished", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queued", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=100, help="of each kind")
    parser.add_argument("--limit", type=int, default=50, help="jobs of a page")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file for what was measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cs-") as directory, Broker(Path(directory)) as broker:
        client = connect(broker.url)
        store_url, index = f"{directory}/store", Path(directory) / "ledger" / "index.sqlite3"
        store = open_store(store_url)
        archive = Archive(store.job_segments, index, client)
        jobs = JobStore(client, archive=archive)
        jobs.continue_after(max(asked.finished))
        fill_queue(jobs, asked.queued)
        steps: list[dict[str, Any]] = []
        n_before = 0
        for n_finished in sorted(asked.finished):
            began_at = time.monotonic()
            fill_ledger(store_url, index, n_before + 1, n_finished)
            filled_s, n_before = time.monotonic() - began_at, n_finished
            settle()  # as `convserve api` does after its start: else the collector walks through what filling left
            step = measured(client, jobs, n_finished, asked) | {
                "routes ms": routes(client, Path(directory), broker.url, asked.calls),
                "seconds to add them": round(filled_s, 1),
                "segments MB": round(sum(segment.size_bytes for segment in store.job_segments.list()) / 1e6, 1),
                "index MB": round(index.stat().st_size / 1e6, 1),
            }
            steps.append(step)
            print(json.dumps(step), flush=True)
        bytes_held = long_job(jobs, client)
    bars = kept(steps, bytes_held)
    results = {"bars": bars, "steps": steps, "bytes in Redis of a running job of 1,000 epochs": bytes_held}
    asked.results.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(bars, indent=1))


if __name__ == "__main__":
    main()
