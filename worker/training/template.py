"""The template process: imports what a trainer imports, computes nothing, and forks trainers from itself.

Started only by `worker.supervision.trainer_template`, on Linux, where no GPU is used. A forked trainer is ready after
2.4 s of processor time instead of 5.8, and shares the memory of the imports with the template.

A process may be forked only while it has a single thread, because a lock that another thread holds stays locked in the
child for ever. So nothing here starts a thread, and TensorFlow, which starts its own when it first computes, computes
only in trainers.

A trainer must be a child of its worker, which then learns its exit status and stays its parent when the template dies.
So the template forks a process that forks the trainer and ends; the kernel gives the trainer to the worker, which has
declared itself the parent of orphans.
"""

import contextlib
import ctypes
import faulthandler
import os
import random
import socket
import sys
import time
from pathlib import Path

from worker.file_pages import give_back_file_pages
from worker.supervision.priority import set_session_niceness
from worker.training.parent_death import die_with_worker
from worker.training.preloading import import_pipeline
from worker.training.trainer import LAST, WorkerLink, serve

N_DESCRIPTORS = 3
"""Of a request: where the trainer reads instructions, where it writes reports, and its output."""
_LONGEST_REQUEST_BYTES = 16
_LONGEST_PID = 16
_LOOK_EVERY_S = 0.001
_THREADS = Path("/proc/self/task")
_OWN_NAME, _TRAINERS_NAME = b"worker.training.template", b"worker.training.trainer"


def main() -> None:
    """Entry point: `python -m worker.training.template <worker's pid> <descriptor of the requests> <niceness>`."""
    worker_pid, descriptor, niceness = map(int, sys.argv[1:])
    die_with_worker(worker_pid)
    os.nice(niceness)
    set_session_niceness(niceness)
    faulthandler.enable()
    import_pipeline()
    _end_library_threads()
    give_back_file_pages()
    with socket.socket(fileno=descriptor) as requests:
        descriptors = _fork_on_request(requests, worker_pid)
    if descriptors:
        instructions, reports, output = descriptors
        _be_trainer(instructions, reports, output, niceness)


def _fork_on_request(requests: socket.socket, worker_pid: int) -> list[int]:
    """Fork a trainer for each request.

    Returns:
        In the trainer, its descriptors; in the template, nothing, when the worker has ended.
    """
    while True:
        request, descriptors, *_ = socket.recv_fds(requests, _LONGEST_REQUEST_BYTES, N_DESCRIPTORS)
        if not request:
            return []
        trainer = _fork_orphan(worker_pid)
        if trainer is None:
            return descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(trainer)


def _fork_orphan(worker_pid: int) -> bytes | None:
    """Fork a process whose parent is the worker. Returns its id, and None in the new process."""
    _check_threads()
    read, write = os.pipe()
    between = os.fork()
    if not between:
        between = os.getpid()
        if _fork_once(write):
            os._exit(0)
        os.close(read)
        os.close(write)
        _wait_for_adoption(between, worker_pid)
        return None
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        pid = answer.read(_LONGEST_PID)
    os.waitpid(between, 0)  # now the trainer is the worker's child
    if not pid:
        sys.exit("no process could be forked")
    return pid


def _fork_once(write: int) -> bool:
    """Fork, and write the id of the new process. Returns whether this process is the parent."""
    try:
        pid = os.fork()
    except OSError:
        os._exit(1)
    if pid:
        os.write(write, str(pid).encode())
    return bool(pid)


def _wait_for_adoption(between: int, worker_pid: int) -> None:
    os.setsid()
    while os.getppid() == between:
        time.sleep(_LOOK_EVERY_S)
    die_with_worker(worker_pid)


def _be_trainer(instructions: int, reports: int, output: int, niceness: int) -> None:
    """Become like a trainer that was started directly, and run one job."""
    for descriptor, standard in ((instructions, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, standard)
    os.close(instructions)
    os.close(output)
    os.set_inheritable(reports, False)
    _rename()
    _seed()
    link = WorkerLink(sys.stdin.buffer, os.fdopen(reports, "wb"))
    set_session_niceness(niceness if link.is_order_waiting() else LAST)
    serve(link, niceness)


def _seed() -> None:
    """Give this process random numbers of its own; Python's `random` has done so itself."""
    import numpy as np  # noqa: PLC0415 - imported already, but not at the start of this module

    np.random.seed(random.SystemRandom().randrange(2**32))


def _end_library_threads() -> None:
    """End the threads of OpenBLAS: it ends them itself before a fork, and starts new ones when it next needs them."""
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)


def _check_threads() -> None:
    n_threads = len(list(_THREADS.iterdir()))
    if n_threads != 1:
        sys.exit(f"the imports started {n_threads - 1} threads, so that forking is not safe")


def _rename() -> None:
    """Show the trainer as `python -m worker.training.trainer` in lists of processes.

    Their text is the memory in which the kernel has put the arguments. The new name is shorter.
    """
    with contextlib.suppress(OSError, ValueError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end: fields 48 and 49 in proc(5)
        if not 0 < start < end:
            return
        arguments = ctypes.string_at(start, end - start)
        ctypes.memmove(start, arguments.replace(_OWN_NAME, _TRAINERS_NAME, 1).ljust(len(arguments), b"\0"), end - start)


if __name__ == "__main__":
    main()
