"""`convserve worker`: Celery's worker in this process. Knows Celery's options, nothing of training."""

import logging
import os
import warnings

from worker.job_store.wake_ups import QUEUE


def run_worker() -> None:
    """Take jobs from the queue until a signal asks for the end; the process becomes Celery's main process."""
    # Celery reads this when it is imported: a plain SIGTERM would wait for the training to end, hours perhaps.
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    # Celery warns root about pickled messages; ours are JSON, and it accepts nothing else.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    logging.getLogger("celery.apps.worker").setLevel(logging.WARNING)  # says `ready` a second time
    from worker.supervision.celery_app import app  # noqa: PLC0415

    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            "--concurrency=1",  # one trainer, one GPU
            f"--queues={QUEUE}",
            f"--hostname=worker-{os.getpid()}@%h",  # several on one machine need names of their own
            "--without-gossip",
            "--without-mingle",
            "--loglevel=INFO",
        ]
    )
