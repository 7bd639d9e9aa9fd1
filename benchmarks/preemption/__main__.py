"""Kills workers many times while they train and save to S3, and says what was lost.

    python -m benchmarks.preemption [--jobs 50] [--kills 200] [--workers 4] [--round 10] [--anew]

Each job is a small `deterministic` training of 20 epochs, whose worker is killed (`kill -9`) with all its processes
up to five times, each time after another epoch. In the end a job must have published once, with the history and the
weights of one that was left alone, and must have gone on after the epoch that was saved last, so that a kill costs an
epoch at most. Jobs run in rounds until there were enough jobs and kills. Each round that has ended is written to
`benchmarks/results/preemption.json`. A run that was interrupted goes on after its last round; `--anew` starts again.
Ends with 0 if everything held, else with 1.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import redis

from benchmarks.preemption.fleet import Fleet, ended, outcome, submit
from benchmarks.serving.machine import machine
from model_store import ModelStore, open_store
from tests.paths import PROJECT
from tests.promises.preemption import STORE_URL, S3Server, resumptions, s3_server
from tests.promises.servers import Broker
from worker.job_store.store import JobStore

RESULTS = PROJECT / "benchmarks" / "results" / "preemption.json"
SETTINGS = {"CONVSERVE_LEASE_S": "20", "CONVSERVE_TRAINER_NICENESS": "0"}
"""Of the workers. A short lease, so that a job goes on soon; one that a busy machine can still keep."""
END_WITHIN_S = 900.0


@dataclass(frozen=True)
class Taken:
    """A job whose workers were taken away.

    Attributes:
        interrupted: how many epochs it had finished at each kill.
        resumed: after which epoch it went on, each time.
        is_equal: whether its history and its weights are those of a job that was left alone, published once.
        state: in which it ended.
    """

    interrupted: list[int]
    resumed: list[int]
    is_equal: bool
    state: str


@dataclass(frozen=True)
class Cluster:
    """What a round runs on."""

    broker: Broker
    s3: S3Server
    store: ModelStore
    job_store: JobStore
    directory: Path


def main() -> None:
    """Run the rounds that are missing."""
    parser = argparse.ArgumentParser(description="Workers killed while they train: what is lost.")
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--round", type=int, default=10, help="jobs at a time")
    parser.add_argument("--anew", action="store_true", help="forget the rounds of earlier runs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process of a round is left
    rounds = [] if options.anew or not RESULTS.exists() else json.loads(RESULTS.read_text())["rounds"]
    with cluster() as everything:
        while any(done < wanted for done, wanted in zip(counted(rounds), (options.jobs, options.kills), strict=True)):
            rounds.append(one_round(everything, len(rounds), options.round, options.workers))
            write(rounds)
    sys.exit(0 if write(rounds) else 1)


def counted(rounds: list[dict[str, Any]]) -> tuple[int, int]:
    """Jobs and kills so far."""
    jobs = [job for done in rounds for job in done["jobs"]]
    return len(jobs), sum(len(job["interrupted"]) for job in jobs)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A Redis and an S3 server, both empty."""
    with (
        tempfile.TemporaryDirectory(prefix="cs-") as directory,
        Broker(Path(directory)) as broker,
        s3_server() as s3,
        redis.Redis.from_url(broker.url, decode_responses=True) as client,
    ):
        os.environ.update(s3.environment)
        yield Cluster(broker, s3, open_store(STORE_URL), JobStore(client), Path(directory))


def one_round(on: Cluster, number: int, n_jobs: int, n_workers: int) -> dict[str, Any]:
    """Train so many jobs, kill the worker of each several times, and compare what they have published."""
    began, chance = time.monotonic(), Random(number)
    with Fleet(on.broker, on.s3, on.directory / f"round-{number}", n_workers, **SETTINGS) as fleet:
        alone = submit(on.job_store, on.broker, f"alone-{number}")
        expected = outcome(on.store, ended(on.job_store, alone, END_WITHIN_S))
        interrupted: dict[str, list[int]] = {
            submit(on.job_store, on.broker, f"taken-{number}-{n}"): [] for n in range(n_jobs)
        }
        while fleet.kill_one(on.job_store, interrupted, chance):
            pass
        jobs = []
        for job, epochs in interrupted.items():
            record = ended(on.job_store, job, END_WITHIN_S)
            is_equal = record.error is None and outcome(on.store, record) == expected
            jobs.append(asdict(Taken(epochs, resumptions(on.job_store, job), is_equal, record.state)))
    return {"machine": machine(), "workers": n_workers, "took_s": round(time.monotonic() - began), "jobs": jobs}


def write(rounds: list[dict[str, Any]]) -> bool:
    """Write all rounds and what they show together, print that, and return whether everything held."""
    jobs = [Taken(**job) for done in rounds for job in done["jobs"]]
    lost = [before - after for job in jobs for before, after in zip(job.interrupted, job.resumed, strict=False)]
    shown = {
        "jobs": counted(rounds)[0],
        "kills": counted(rounds)[1],
        "resumptions": sum(len(job.resumed) for job in jobs),
        "most_epochs_lost_by_a_kill": max(lost),
        "kills_that_lost_an_epoch": sum(epochs > 0 for epochs in lost),
        "equal_to_one_left_alone": sum(job.is_equal for job in jobs),
    }
    RESULTS.write_text(json.dumps({"shown": shown, "rounds": rounds}, indent=1) + "\n")
    print(json.dumps(shown), flush=True)
    return (
        shown["most_epochs_lost_by_a_kill"] <= 1
        and shown["kills"] == shown["resumptions"]
        and shown["equal_to_one_left_alone"] == len(jobs)
    )


if __name__ == "__main__":
    main()
