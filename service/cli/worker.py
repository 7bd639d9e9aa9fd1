"""`convserve worker`: runs Celery's worker in this process. Sets Celery's options; does not train."""

import logging
import os
import warnings

from worker.job_store.wake_ups import QUEUE


def run_worker() -> None:
    """Take jobs from the queue until a signal arrives; this process becomes Celery's main process."""
    # Celery reads this on import. Without it, SIGTERM would wait for the end of the training, possibly for hours.
    os.environ["REMAP_SIGTERM"] = "SIGQUIT"
    # Celery warns root users about pickled messages; this app uses JSON and accepts nothing else.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    logging.getLogger("celery.apps.worker").setLevel(logging.WARNING)  # would report `ready` a second time
    from worker.supervision.celery_app import app  # noqa: PLC0415

    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            "--concurrency=1",  # one trainer, one GPU
            f"--queues={QUEUE}",
            f"--hostname=worker-{os.getpid()}@%h",  # several workers on one machine need different names
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",  # events that nothing reads; our own announcements say who is alive
            "--loglevel=INFO",
        ]
    )
