"""500 owners, one of whom queues 2,000 jobs; 8 trainers; fair turns and, beside them, first come, first served.

    python -m benchmarks.fairness

Time is simulated: the real scripts run on a server of its own with a clock that is set. The ideal start of an owner's
first job is when it would start if every owner had only this one; waiting is compared with the ideal waiting, which
counts as one training at least. Served time is compared while all owners have jobs waiting.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.fairness.simulation import MEAN_S, FirstCome, Outcome, Submission, Turns, simulate, submissions
from tests.promises.servers import Broker
from worker.job_store.connection import connect

RESULTS = Path(__file__).parent.parent / "results" / "fairness.json"


def jain(values: list[float]) -> float:
    """Jain's index: 1 when all are equal, 1/n when one has everything."""
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values))


def summary(outcome: Outcome, ideal: Outcome, jobs: list[Submission]) -> dict[str, float]:
    """Waits against the ideal, and how evenly trainer time was served."""
    came = {job.owner: job.at for job in reversed(jobs)}
    ratios, waits = [], []
    for owner, at in came.items():
        if owner == "greedy":
            continue
        wait_s, ideal_s = outcome.first_starts[owner] - at, ideal.first_starts[owner] - at
        ratios.append((wait_s + MEAN_S) / (ideal_s + MEAN_S))
        waits.append(wait_s)
    return {
        "first start, worst against the ideal": round(max(ratios), 2),
        "first start, median against the ideal": round(statistics.median(ratios), 2),
        "wait for the first start, median minutes": round(statistics.median(waits) / 60, 1),
        "wait for the first start, longest minutes": round(max(waits) / 60, 1),
        "Jain's index of served time": round(jain([outcome.served_s.get(owner, 0.0) for owner in came]), 3),
    }


def main() -> None:
    """Simulate, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--owners", type=int, default=500)
    parser.add_argument("--greedy", type=int, default=2000, help="jobs of the owner who queues many")
    parser.add_argument("--each", type=int, default=10, help="jobs of every other owner")
    parser.add_argument("--trainers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--results", type=Path, default=RESULTS, help="file for what was measured")
    asked = parser.parse_args()
    jobs = submissions(asked.owners, asked.greedy, asked.each, asked.seed)
    # Until then every owner has jobs waiting if the time is shared: the others have been served most of theirs.
    until_s = 0.7 * asked.owners * asked.each * MEAN_S / asked.trainers
    first_only = [next(job for job in jobs if job.owner == owner) for owner in dict.fromkeys(job.owner for job in jobs)]
    ideal = simulate(FirstCome(), first_only, asked.trainers, until_s)
    with tempfile.TemporaryDirectory(prefix="cs-") as directory, Broker(Path(directory)) as broker:
        turns = simulate(Turns(connect(broker.url)), jobs, asked.trainers, until_s)
    first_come = simulate(FirstCome(), jobs, asked.trainers, until_s)
    results = {
        "owners": asked.owners,
        "jobs of one owner": asked.greedy,
        "jobs of each other owner": asked.each,
        "trainers": asked.trainers,
        "mean seconds of a training": MEAN_S,
        "fair turns": summary(turns, ideal, jobs),
        "first come, first served": summary(first_come, ideal, jobs),
    }
    asked.results.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
