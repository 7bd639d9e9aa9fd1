"""The worker's shell around Celery: `celery -A worker.supervision.celery_app worker`.

It does nothing but hand wake-ups to the `Runner`.
"""

import logging
import secrets
import sys
from typing import Any

from celery import signals
from kombu.connection import Connection

from worker.job_store.connection import connect
from worker.job_store.reaper import Reaper
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import QUEUE, TASK, WakeUps, celery_app
from worker.settings import WorkerSettings, use_umask
from worker.supervision.announcer import Announcer
from worker.supervision.gpus import usable_devices
from worker.supervision.host_memory import most_trainer_bytes
from worker.supervision.runner import Runner
from worker.telemetry.logs import configure_logging


class _EagerConnection(Connection):
    """Looks for a Redis that went away every two seconds; Celery's own pauses grow to half a minute."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu has no types
        pauses = {"interval_start": 2, "interval_step": 0}
        return super().ensure_connection(*args, **pauses | options)  # type: ignore[no-untyped-call]


settings = WorkerSettings()
app = celery_app(settings.broker_url)
app.amqp.Connection = _EagerConnection
logger = logging.getLogger(__name__)
WORKER = secrets.token_hex(8)
"""Name of this worker: its pool process inherits it."""

_runner: Runner | None = None  # set in the pool process only
_reaper: Reaper | None = None  # set in the main process only
_announcer: Announcer | None = None  # likewise


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: Any) -> None:  # noqa: ANN401 - Celery's signal arguments
    configure_logging("worker", settings.log_format, settings.log_level)


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _open_runner(**_: Any) -> None:  # noqa: ANN401
    global _runner  # noqa: PLW0603 - Celery offers no other place for a pool process's own state
    use_umask(settings)
    _runner = Runner(settings, WORKER)


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _close_runner(**_: Any) -> None:  # noqa: ANN401
    if _runner is not None:
        _runner.close()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _start_threads(**_: Any) -> None:  # noqa: ANN401
    global _reaper, _announcer  # noqa: PLW0603
    job_store = JobStore(connect(settings.redis_url), half_life_s=settings.fair_half_life_s)
    _reaper = Reaper(job_store, WakeUps(settings.broker_url))
    _reaper.start()
    _announcer = Announcer(
        job_store, WORKER, most_trainer_bytes(settings.trainer_memory_bytes), usable_devices(settings.virtual_devices)
    )
    _announcer.start()
    logger.info("ready: waiting for jobs on queue %r", QUEUE)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop_threads(**_: Any) -> None:  # noqa: ANN401
    if _reaper is not None:
        _reaper.stop()
    if _announcer is not None:
        _announcer.stop()


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def train(_job: str = "") -> None:
    """Act on one wake-up; an API of an earlier version names a job in it, but the turns of owners decide."""
    if _runner is None:
        sys.exit("this task runs in a prefork pool process only")
    _runner.run()
