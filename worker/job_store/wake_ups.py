"""Wake-ups: the Celery messages that tell a worker to look for a job. Nothing else sends any.

A wake-up carries no job: the worker claims the job whose turn it is. No job depends on a wake-up: a lost one is sent
again, and one too many does nothing. The settings follow what was measured for hour-long jobs on Redis; each says why.
Celery is imported when first needed, so that a process which only reads records does not pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from worker.jobs.errors import QueueUnavailable

if TYPE_CHECKING:
    from celery import Celery

TASK = "convserve.train"
QUEUE = "train"
_VISIBILITY_S = 26 * 3600
_importing = threading.Lock()
"""Celery and Kombu replace their modules while they are imported, which breaks when two threads do it at once."""

CELERY_CONFIG: dict[str, Any] = {
    # Only JSON: a client that can reach the broker must not be able to run code in a worker.
    "task_serializer": "json",
    "accept_content": ["json"],
    # Acknowledged late, so that a message survives a graceful stop. Not queued again for a lost worker, which would
    # loop without end: the reaper does that, limited by attempts.
    "task_acks_late": True,
    "task_acks_on_failure_or_timeout": True,
    "task_reject_on_worker_lost": False,
    # With Redis, cancelling on a lost connection loses the job for good.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    # Longer than any job runs by default: a shorter one would deliver a running job's message a second time.
    "visibility_timeout": _VISIBILITY_S,
    "broker_transport_options": {
        "visibility_timeout": _VISIBILITY_S,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
        "interval_max": 0.5,
        "global_keyprefix": "convserve:celery:",
    },
    # One trainer at a time, and no message reserved behind it.
    "worker_prefetch_multiplier": 1,
    "worker_concurrency": 1,
    "task_default_queue": QUEUE,
    "task_create_missing_queues": True,
    # The job record is the result; a result backend would block for 20 s when Redis is down.
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "task_publish_retry": True,
    "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_send_task_events": False,
    # Nothing sends commands to workers, and a stranger who reaches the broker must not be able to.
    "worker_enable_remote_control": False,
    "worker_hijack_root_logger": False,
}


def celery_app(broker_url: str) -> Celery:
    """A Celery application with our settings and no task."""
    with _importing:
        from celery import Celery  # noqa: PLC0415 - see the module's docstring

    app = Celery("convserve", broker=broker_url)
    app.conf.update(CELERY_CONFIG)
    return app


class WakeUps:
    """Wakes workers. Methods raise `QueueUnavailable`, and may take seconds when the server hangs."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._cached_app: Celery | None = None

    def notify(self, job: str = "") -> None:
        """Tell a worker that a job waits.

        Args:
            job: for workers of earlier versions, which take only the job that they are told of; others ignore it.
        """
        with _broker_errors():
            self._app.send_task(TASK, args=[job], queue=QUEUE, ignore_result=True)

    def waiting(self) -> int:
        """How many wake-ups no worker has taken yet."""
        with _broker_errors(), self._app.connection_for_write() as connection:
            declared = connection.default_channel.queue_declare(queue=QUEUE, passive=False)
            return int(declared.message_count)

    @property
    def _app(self) -> Celery:
        if self._cached_app is None:
            self._cached_app = celery_app(self._broker_url)
        return self._cached_app


@contextmanager
def _broker_errors() -> Iterator[None]:
    with _importing:
        import redis  # noqa: PLC0415 - see the module's docstring
        from kombu.exceptions import OperationalError  # noqa: PLC0415

    try:
        yield
    except (OperationalError, redis.RedisError) as error:
        raise QueueUnavailable(str(error)) from error
