"""Trainers that take jobs in simulated time: by the turns of the real scripts, or first come, first served."""

import heapq
import random
from dataclasses import dataclass, field

import redis

from worker.job_store import keys, scripts
from worker.job_store.store import JobStore
from worker.jobs.plan import plan
from worker.jobs.records import Claim, PublishedModel
from worker.jobs.request import JobRequest

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
MODEL = PublishedModel(name="any", version=1, test_loss=0.5, test_accuracy=0.8)
CLOCK = f"{keys.PREFIX}clock"
MEAN_S, SPREAD = 60.0, 0.7
"""Of the trainings, whose times are log-normal: a tenth takes less than 20 s, a tenth more than two minutes."""


@dataclass(frozen=True)
class Submission:
    """A job that will be submitted."""

    at: float
    owner: str
    takes_s: float


@dataclass
class Outcome:
    """What owners got.

    Attributes:
        first_starts: by owner, when the first job started.
        served_s: by owner, the trainer time within the period that counts.
    """

    first_starts: dict[str, float] = field(default_factory=dict)
    served_s: dict[str, float] = field(default_factory=dict)


def submissions(n_owners: int, n_greedy: int, n_each: int, seed: int) -> list[Submission]:
    """One owner queues many jobs at once; then the others come, one a second, with some jobs each."""
    chance = random.Random(seed)
    mu = -(SPREAD**2) / 2

    def takes_s() -> float:
        return MEAN_S * chance.lognormvariate(mu, SPREAD)

    made = [Submission(0.0, "greedy", takes_s()) for _ in range(n_greedy)]
    for number in range(1, n_owners):
        made += [Submission(float(number), f"owner-{number:03}", takes_s()) for _ in range(n_each)]
    return made


class Turns:
    """The queue of the program itself, in simulated time."""

    def __init__(self, client: redis.Redis) -> None:
        real = scripts.source

        def in_simulated_time(name: str) -> str:
            return real(name).replace("redis.call('TIME')", f"{{redis.call('GET', '{CLOCK}'), 0}}")

        scripts.source = in_simulated_time  # type: ignore[assignment]
        try:
            self._jobs = JobStore(client)
        finally:
            scripts.source = real
        self._redis = client
        self._submitted: dict[str, Submission] = {}
        self._claims: dict[int, Claim] = {}

    def submit(self, job: Submission) -> None:
        """Queue a job."""
        self._redis.set(CLOCK, f"{1e9 + job.at:.6f}")
        self._submitted[self._jobs.submit(PLAN, owner=job.owner).id] = job

    def take(self, trainer: int, at: float) -> Submission | None:
        """The job whose turn it is; ends the one that the trainer had."""
        self._redis.set(CLOCK, f"{1e9 + at:.6f}")
        if trainer in self._claims:
            self._jobs.succeed(self._claims.pop(trainer), MODEL)
        claim = self._jobs.claim()
        if claim is None:
            return None
        self._claims[trainer] = claim
        return self._submitted[claim.job]


class FirstCome:
    """A queue in the order of submission."""

    def __init__(self) -> None:
        self._waiting: list[Submission] = []
        self._next = 0

    def submit(self, job: Submission) -> None:
        """Queue a job."""
        self._waiting.append(job)

    def take(self, _trainer: int, _at: float) -> Submission | None:
        """The oldest job."""
        if self._next == len(self._waiting):
            return None
        self._next += 1
        return self._waiting[self._next - 1]


def simulate(queue: Turns | FirstCome, jobs: list[Submission], n_trainers: int, until_s: float) -> Outcome:
    """Let trainers take jobs.

    Args:
        queue: says which job is next.
        jobs: by the time of their submission.
        n_trainers: at work at the same time.
        until_s: trainer time counts until then.
    """
    outcome, arrivals = Outcome(), iter(sorted(jobs, key=lambda job: job.at))
    arriving = next(arrivals, None)
    free = [(0.0, trainer) for trainer in range(n_trainers)]
    while free:
        at, trainer = heapq.heappop(free)
        while arriving is not None and arriving.at <= at:
            queue.submit(arriving)
            arriving = next(arrivals, None)
        job = queue.take(trainer, at)
        if job is None:
            if arriving is not None:
                heapq.heappush(free, (arriving.at, trainer))
            continue
        outcome.first_starts.setdefault(job.owner, at)
        served = min(at + job.takes_s, until_s) - min(at, until_s)
        outcome.served_s[job.owner] = outcome.served_s.get(job.owner, 0.0) + served
        if at > until_s and len(outcome.first_starts) == len({job.owner for job in jobs}):
            continue
        heapq.heappush(free, (at + job.takes_s, trainer))
    return outcome
