"""Measures what a job costs with 1 to 4 workers, and a prediction with 1 and 2 API processes, in processor time.

    python -m benchmarks.scale.growth [--workers 1 2 3 4] [--apis 1 2] [--jobs 6] [--seconds 4]

On hosts of their own, workers and APIs do not take each other's cores. On one machine they do, so seconds would say
nothing. What can be measured is whether one more of them makes each job or prediction cost more: of Redis, of the API,
of the worker's own processes, and of the trainers. What these take anyway is measured first, over some seconds in which
nothing runs, and subtracted. A supervisor looks after its job every second, so what a job costs besides its trainer
depends on how long it runs: it is told for each second, too. Every API process is asked over as many connections.

Writes `benchmarks/results/growth.json`, which `benchmarks.scale.growth_picture` draws; with an empty `--workers` or
`--apis`, the figures of that kind stay.
"""

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from benchmarks.serving.load import ask, http_request
from benchmarks.serving.machine import machine
from tests.busy_machine import PATIENCE_S
from tests.paths import PROJECT
from tests.promises.processes import another_worker, child_of
from tests.running import SMALL_TRAINING, Stack, has_argument, running_stack
from tests.unit.service.tiny_networks import grey_picture
from worker.job_store.connection import connect

RESULTS = PROJECT / "benchmarks" / "results" / "growth.json"
JOB = SMALL_TRAINING | {"epochs": 1, "train_samples": 200, "model": "growth"}
IDLE_S = 10.0
POLL_S = 1.0
CONNECTIONS = 8
ROUNDS = 3
SETTLED = {"pause_s": 2.0, "most_s": 0.05, "times": 3}
"""Trainers are at rest when they have used no more than this in several pauses: the spare ones are ready."""


@dataclass(frozen=True)
class Spent:
    """Processor time in seconds, in all so far or between two moments.

    Attributes:
        redis: of the server.
        api: of all API processes.
        workers: of the workers' own processes, which run Celery and supervise.
        trainers: of the processes that import Keras and train.
    """

    redis: float
    api: float
    workers: float
    trainers: float

    def since(self, before: "Spent") -> "Spent":
        """The difference to an earlier moment."""
        return Spent(*(now - then for now, then in zip(self.figures(), before.figures(), strict=True)))

    def divided(self, by: float) -> "Spent":
        """Each of the figures for one of so many."""
        return Spent(*(figure / by for figure in self.figures()))

    def figures(self) -> list[float]:
        """All of them in the order of the attributes."""
        return list(asdict(self).values())


def main() -> None:
    """Measure both curves and write them down."""
    parser = argparse.ArgumentParser(description="What one more worker or API process costs each job or prediction.")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 3, 4])
    parser.add_argument("--apis", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--jobs", type=int, default=6, help="measured with each number of workers")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each of three rounds of predictions")
    options = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found |= {"machine": machine(), "jobs_each": options.jobs, "connections_per_api": CONNECTIONS}
    with TemporaryDirectory(prefix="growth-") as directory:
        if options.workers:
            found["workers"] = by_workers(Path(directory), options.workers, options.jobs)
        if options.apis:
            found["apis"] = [by_apis(Path(directory), number, options.seconds) for number in options.apis]
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


def by_workers(directory: Path, numbers: list[int], n_jobs: int) -> list[dict[str, Any]]:
    """What a job costs with each number of workers."""
    rows = []
    # Trainers yield to everything else by default; a busy machine would then take minutes for each job.
    with (
        running_stack(directory / "data", directory / "workers.txt", CONVSERVE_TRAINER_NICENESS="0") as stack,
        httpx.Client(base_url=stack.url, timeout=PATIENCE_S) as api,
        contextlib.ExitStack() as workers,
    ):
        n_workers = 1
        for number in numbers:
            while n_workers < number:
                workers.enter_context(another_worker(stack))
                n_workers += 1
            rows.append({"workers": number, **job_costs(stack, api, n_jobs)})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def job_costs(stack: Stack, api: httpx.Client, n_jobs: int) -> dict[str, Any]:
    """Of one job, in milliseconds of processor time, and of an idle worker."""
    group = run_jobs(api, 1)
    await_rest(stack)
    before, began = spent(stack), time.monotonic()
    while time.monotonic() - began < IDLE_S:
        is_finished(api, group)
        time.sleep(POLL_S)
    idle = spent(stack).since(before).divided(time.monotonic() - began)
    before, began = spent(stack), time.monotonic()
    ran_s = seconds_of(api, run_jobs(api, n_jobs))
    took_s, at_end = time.monotonic() - began, spent(stack)
    await_rest(stack)  # a trainer ends a moment after its job, and the next spare one gets ready
    used = replace(at_end, trainers=spent(stack).trainers).since(before)
    own = used.since(idle.divided(1 / took_s))
    return {
        "job_ms": in_ms(own.divided(n_jobs)),
        "ms_per_running_s": in_ms(own.divided(ran_s)),
        "idle_ms_per_s": in_ms(idle),
        "jobs_per_cpu_s": round(n_jobs / sum(own.figures()), 3),
        "running_s": round(ran_s / n_jobs, 1),
        "wall_s": round(took_s, 1),
    }


def in_ms(figures: Spent) -> dict[str, float]:
    """The same in milliseconds."""
    return {name: round(1e3 * value, 2) for name, value in asdict(figures).items()}


def seconds_of(api: httpx.Client, group: str) -> float:
    """For how long the jobs of a group ran, all together."""
    jobs = api.get("/jobs", params={"group": group}).json()["jobs"]
    moments = [[datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at")] for job in jobs]
    return sum((finished - started).total_seconds() for started, finished in moments)


def run_jobs(api: httpx.Client, number: int) -> str:
    """Train a grid of so many small jobs to its end; its group."""
    answer = api.post("/jobs", json=JOB | {"grid": {"seed": list(range(number))}})
    answer.raise_for_status()
    group = str(answer.json()["id"])
    while not is_finished(api, group):
        time.sleep(POLL_S)
    return group


def is_finished(api: httpx.Client, group: str) -> bool:
    """Whether every job of a group has succeeded; asked at an even pace, also while nothing runs."""
    found = api.get(f"/groups/{group}").json()
    if found["counts"].get("failed"):
        raise SystemExit(f"a job failed: {found}")
    return bool(found["finished"])


def await_rest(stack: Stack) -> None:
    """Wait until no trainer computes, and every worker has imported Keras."""
    n_quiet, last = 0, spent(stack).trainers
    while n_quiet < SETTLED["times"]:
        time.sleep(SETTLED["pause_s"])
        now = spent(stack).trainers
        n_quiet, last = (n_quiet + 1 if now - last <= SETTLED["most_s"] else 0), now


def spent(stack: Stack) -> Spent:
    """What has been used so far."""
    api = api_processes(stack)
    with connect(api[0].environ()["CONVSERVE_REDIS_URL"]) as client:
        server = client.info("cpu")
    redis_s = float(server["used_cpu_user"] + server["used_cpu_sys"])
    own_s, trainers_s = 0.0, 0.0
    for process in worker_processes(stack):
        with contextlib.suppress(psutil.NoSuchProcess):
            times, is_trainer = process.cpu_times(), any("worker.training" in word for word in process.cmdline())
            ended_s = times.children_user + times.children_system
            if is_trainer:
                trainers_s += times.user + times.system + ended_s
            else:  # only trainers end while a worker lives
                own_s, trainers_s = own_s + times.user + times.system, trainers_s + ended_s
    return Spent(redis_s, cpu_s(api), own_s, trainers_s)


def worker_processes(stack: Stack) -> Iterator[psutil.Process]:
    """The stack's own worker and those beside it, with all that they have started."""
    others = [child for child in psutil.Process().children() if has_argument(child, "worker")]
    for worker in [child_of(stack, "worker"), *others]:
        yield worker
        yield from worker.children(recursive=True)


def cpu_s(processes: list[psutil.Process]) -> float:
    """Processor time of these processes themselves."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def by_apis(directory: Path, number: int, seconds: float) -> dict[str, Any]:
    """What a prediction costs with so many API processes that share a port; the least of the rounds."""
    settings = {"CONVSERVE_API_WORKERS": str(number), "CONVSERVE_TRAINER_NICENESS": "0"}
    with (
        running_stack(directory / "data", directory / f"apis-{number}.txt", **settings) as stack,
        httpx.Client(base_url=stack.url, timeout=PATIENCE_S) as api,
    ):
        if api.get("/models/growth").is_error:
            run_jobs(api, 1)
            await_rest(stack)
        request = http_request("/models/growth/predict", "image/png", grey_picture(3))
        # The first round loads the model everywhere.
        rounds = [prediction_costs(stack, request, CONNECTIONS * number, seconds) for _ in range(ROUNDS + 1)][1:]
    least, shares = min(rounds)
    found = {
        "apis": number,
        "prediction_ms": round(1e3 * least, 4),
        "predictions_per_cpu_s": round(1 / least),
        "shares": shares,
    }
    print(json.dumps(found), flush=True)
    return found


def prediction_costs(stack: Stack, request: bytes, connections: int, seconds: float) -> tuple[float, list[float]]:
    """Seconds of processor time for a prediction, and the share of each process in it."""
    processes = api_processes(stack)
    before = [cpu_s([process]) for process in processes]
    figures = asyncio.run(ask(int(stack.url.rpartition(":")[2]), request, connections, seconds))
    used = [cpu_s([process]) - then for process, then in zip(processes, before, strict=True)]
    if figures.others:
        raise SystemExit(f"predictions were answered {figures.others}")
    return sum(used) / figures.answers_in_all, [round(one / sum(used), 2) for one in used]


def api_processes(stack: Stack) -> list[psutil.Process]:
    """Those that answer, and what they have started."""
    first = [child for child in psutil.Process(stack.process.pid).children() if has_argument(child, "api")]
    return first + [found for process in first for found in process.children(recursive=True)]


if __name__ == "__main__":
    main()
