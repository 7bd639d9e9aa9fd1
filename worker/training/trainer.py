"""The trainer process: imports Keras, waits for one order, runs it, reports, exits.

Started by `worker.supervision.trainer_process`, or forked from `worker.training.template`, which then calls `serve`.
It does not use Redis: all its reports go to its worker. When the worker ends, the trainer's standard input ends, and
the trainer exits.
"""

import contextlib
import faulthandler
import logging
import os
import queue
import select
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

from model_store.errors import NO_SPACE
from worker.file_pages import give_back_file_pages
from worker.jobs.errors import TrainingFailed, TrainingPaused, causes
from worker.jobs.memory_errors import is_out_of_memory, out_of_memory
from worker.jobs.records import History, JobFailure, Progress, PublishedModel
from worker.settings import WorkerSettings
from worker.supervision.messages import (
    ORDERS,
    CommitGranted,
    CommitRequested,
    Failed,
    Finish,
    LogLine,
    Order,
    Pause,
    Paused,
    ProgressMade,
    Published,
    Ready,
    Report,
)
from worker.supervision.priority import set_session_niceness
from worker.training.parent_death import die_with_worker
from worker.training.preloading import import_pipeline

logger = logging.getLogger("worker.trainer")  # not below `worker.training`, whose lines go to the job's log

LOOK_EVERY_S = 0.1
LAST = 19  # niceness of work that must not slow down anything else


class WorkerLink:
    """The trainer's side of the two pipes."""

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self._orders = orders
        self._reports = reports
        self._lock = threading.Lock()
        self._grants: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._pause = threading.Event()
        self._finish = threading.Event()

    def is_order_waiting(self) -> bool:
        """Whether an order has arrived, or the worker has ended."""
        return bool(select.select([self._orders], [], [], 0)[0])

    def await_order(self) -> Order | None:
        """Report that this trainer is ready, and wait for its order; None when the worker has ended."""
        self._send(Ready())
        line = self._orders.readline()
        if not line:
            return None
        order = Order.model_validate_json(line)
        threading.Thread(target=self._listen, daemon=True).start()
        return order

    def log(self, at: float, level: int, message: str) -> None:
        """Add a line to the job's log."""
        self._send(LogLine(at=at, level=level, message=message))

    def progress(self, progress: Progress, history: History | None = None) -> None:
        """Report the job's progress, with the history when an epoch has ended."""
        self._send(ProgressMade(progress=progress, history=history))

    def may_publish(self, version: int) -> bool:
        """Ask the worker whether this version may be committed, and wait for its answer."""
        self._send(CommitRequested(version=version))
        return self._grants.get()

    def is_pause_asked(self) -> bool:
        """Whether the worker has asked to save and end this training."""
        return self._pause.is_set()

    def is_finish_asked(self) -> bool:
        """Whether this training is to end now, and its best epoch to be published."""
        return self._finish.is_set()

    def paused(self) -> None:
        """Report, as the last message, that the training was saved and will be resumed."""
        self._send(Paused())

    def published(self, model: PublishedModel) -> None:
        """Report, as the last message, that the job has succeeded."""
        self._send(Published(model=model))

    def failed(self, failure: JobFailure) -> None:
        """Report, as the last message, that the job has failed."""
        self._send(Failed(failure=failure))

    def _send(self, report: Report) -> None:
        with self._lock:
            self._reports.write(report.model_dump_json().encode() + b"\n")
            self._reports.flush()

    def _listen(self) -> None:
        for line in self._orders:
            message = ORDERS.validate_json(line)
            match message:
                case CommitGranted():
                    self._grants.put(message.granted)
                case Pause():
                    self._pause.set()
                case Finish():
                    self._finish.set()
        # The worker has ended. Nothing incomplete is visible: a version exists only with its manifest.
        os._exit(1)


class _JobLog(logging.Handler):
    """Sends log records to the job's log."""

    def __init__(self, link: WorkerLink) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        self._link.log(record.created, record.levelno, self.format(record))


def main() -> None:
    """Entry point: `python -m worker.training.trainer <worker's pid> <descriptor of the reports pipe> <niceness>`."""
    worker_pid, descriptor, niceness = map(int, sys.argv[1:])
    die_with_worker(worker_pid)
    os.nice(niceness)
    set_session_niceness(LAST)
    faulthandler.enable()
    link = WorkerLink(sys.stdin.buffer, os.fdopen(descriptor, "wb"))
    _import_in_background(link, niceness)
    serve(link, niceness)


def serve(link: WorkerLink, niceness: int) -> None:
    """Wait for one order and run it; everything is imported already.

    Args:
        link: to the worker.
        niceness: of this process's session while the order runs, see `set_session_niceness`.
    """
    from worker.training import pipeline, warmup  # noqa: PLC0415 - Keras is imported before this function is called
    from worker.training.parallel.devices import make_virtual_devices  # noqa: PLC0415 - as above

    make_virtual_devices(WorkerSettings().virtual_devices)
    if not link.is_order_waiting():
        with _hurrying(link, niceness):
            warmup.warm_up()
        give_back_file_pages()  # it may now wait for hours
    order = link.await_order()
    if order is None:
        return
    # The worker removes this directory. TensorFlow keeps a file for each function that it has traced, and removes it at
    # the end of the process: those of a trainer that is killed stayed.
    tempfile.tempdir = order.work_dir
    set_session_niceness(niceness)
    logging.getLogger("worker.training").addHandler(_JobLog(link))
    logging.getLogger("worker.training").setLevel(logging.INFO)
    try:
        pipeline.run(order, link)
    except TrainingPaused:
        link.paused()
    except TrainingFailed as error:
        link.failed(error.failure)
    except Exception as error:  # the boundary of the job: every error ends it, with its reason
        logger.exception("job %s", order.job)
        link.failed(_failure(error, order))


@contextlib.contextmanager
def _hurrying(link: WorkerLink, niceness: int) -> Iterator[None]:
    """Take the priority of a training as soon as an order is waiting; until then another job may be training.

    On a machine with twenty busy processes, two seconds of work at the lowest priority took four minutes.
    """
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.wait(LOOK_EVERY_S):
            if link.is_order_waiting():
                set_session_niceness(niceness)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()


def _import_in_background(link: WorkerLink, niceness: int) -> None:
    """Import Keras in a thread of the lowest priority, since another job may be training at the same time.

    When an order is waiting, no other job is training, and this process takes the priority of a training immediately.

    On Linux, niceness belongs to a thread. Threads that TensorFlow starts later inherit it from the main thread, whose
    niceness does not change.
    """

    def import_slowly() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LAST)
        import_pipeline()

    thread = threading.Thread(target=import_slowly)
    thread.start()
    while thread.is_alive() and not link.is_order_waiting():
        thread.join(LOOK_EVERY_S)
    set_session_niceness(niceness if link.is_order_waiting() else LAST)
    thread.join()


def _failure(error: Exception, order: Order) -> JobFailure:
    if is_out_of_memory(error):
        return out_of_memory(order.plan.batch_size)
    return _disk_full() if _is_disk_full(error) else _unforeseen(error)


def _is_disk_full(error: BaseException) -> bool:
    """Whether the cause is a full disk, even if a library has wrapped the error."""
    return any(isinstance(link, OSError) and link.errno in NO_SPACE for link in causes(error))


def _disk_full() -> JobFailure:
    return JobFailure(
        code="disk_full",
        message="The worker's disk does not have enough free space for the training's temporary files.",
        hint="Free space where temporary files are kept (TMPDIR), then submit the job again.",
    )


def _unforeseen(error: Exception) -> JobFailure:
    return JobFailure(
        code="internal",
        message=f"Training stopped because of an unexpected {type(error).__name__}.",
        hint="See the worker's log for details.",
    )


if __name__ == "__main__":
    main()
