"""What a tiny job costs besides training: CPU time and memory of trainers, forked from a template or started alone.

    python -m benchmarks.trainer_start [--trials 5]

Without API, queue and worker: trainers get their orders from this process. Processor time counts to the end of the
process. Memory is PSS, in which a page counts for each process by its share; other programs that have mapped the same
libraries lower it, so run this on a machine where nothing else uses TensorFlow. Writes
`benchmarks/results/trainer_start.json`.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from worker.job_store.keys import new_id
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.settings import WorkerSettings
from worker.supervision.messages import CommitGranted, CommitRequested, Failed, Order, Published, Ready
from worker.supervision.spare_trainer import SpareTrainer
from worker.supervision.trainer_process import TrainerProcess
from worker.supervision.watchdog import cpu_seconds_of

RESULTS = Path(__file__).parent / "results"
PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2, train_samples=500))
SILENCE_S = 600.0


def main() -> None:
    """Run the trials and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=5)
    trials = parser.parse_args().trials
    report: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
            "keras": version("keras"),
            "tensorflow": version("tensorflow"),
        }
    }
    for name, forks in (("started alone", False), ("forked", True)):
        report[name] = _measure(forks, trials)
        print(name, json.dumps(report[name]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "trainer_start.json").write_text(json.dumps(report, indent=1) + "\n")


def _measure(forks: bool, trials: int) -> dict[str, float]:
    """Medians over trials; the first trial includes the template's start, which is a row of its own."""
    with tempfile.TemporaryDirectory() as directory:
        settings = WorkerSettings(data_dir=Path(directory), trainer_template=forks, trainer_niceness=0)
        spare = SpareTrainer(settings)
        rows = [_trial(spare, settings) for _ in range(trials)]
        row = {name: round(statistics.median(trial[name] for trial in rows), 2) for name in rows[0]}
        if template := spare.template_pid:
            row |= {"template_cpu_s": cpu_seconds_of(template), "template_pss_mb": _pss_mb(template)}
        spare.close()
    return row


def _trial(spare: SpareTrainer, settings: WorkerSettings) -> dict[str, float]:
    began = time.monotonic()
    spare.prepare()
    trainer = spare.take()
    while not isinstance(trainer.receive(SILENCE_S), Ready):
        pass
    row = {
        "ready_s": time.monotonic() - began,
        "ready_cpu_s": cpu_seconds_of(trainer.pid),
        "ready_pss_mb": _pss_mb(trainer.pid),
        "together_pss_mb": _pss_mb(trainer.pid) + _pss_mb(spare.template_pid),
    }
    ordered = time.monotonic()
    _run(trainer, settings)
    row |= {"job_s": time.monotonic() - ordered, "whole_cpu_s": cpu_seconds_of(trainer.pid)}
    trainer.stop()
    return row


def _run(trainer: TrainerProcess, settings: WorkerSettings) -> None:
    """Send the order, and stay until the process ends."""
    trainer.send(
        Order(
            job=new_id(),  # another one each time: a job that is known goes on after its last epoch
            plan=PLAN,
            fence=1,
            claimed_at=time.time(),
            store_url=settings.store_location,
            datasets_dir=str(settings.datasets_path.absolute()),
            work_dir=str(trainer.work_dir),
        )
    )
    end: Published | Failed | None = None
    try:
        while True:
            match report := trainer.receive(SILENCE_S):
                case CommitRequested():
                    trainer.send(CommitGranted(granted=True))
                case Published() | Failed():
                    end = report
    except EOFError:
        assert isinstance(end, Published), f"{end}: {trainer.last_words()}"


def _pss_mb(pid: int | None) -> float:
    """Proportional set size in MB; 0 without a process."""
    if pid is None:
        return 0.0
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


if __name__ == "__main__":
    main()
