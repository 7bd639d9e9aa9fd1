"""A trainer as its worker sees it: one process, its two pipes, and its end.

The process leads its own process group, so that ending the group also ends what it started; it dies when its worker
dies. It runs one job and exits, which is the only sure way to release a GPU's memory.
"""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

from worker.supervision.adopted_process import AdoptedProcess
from worker.supervision.messages import REPORTS, Instruction, Report
from worker.supervision.oom_score import prefer_for_kills
from worker.supervision.output_tail import tail_of
from worker.supervision.trainer_template import TemplateFailed, TrainerTemplate
from worker.supervision.work_dirs import make_work_dir

_STDERR_TAIL_BYTES = 4000


class TrainerProcess:
    """A process that is started at once and takes one `Order`.

    Must be created in the main thread: the kernel ends the trainer when the *thread* that started it ends.

    Args:
        niceness: of the process, if it is started directly.
        environment: of the process, if it is started directly.
        template: that the process is forked from; None starts it directly.
    """

    def __init__(self, niceness: int, environment: Mapping[str, str], template: TrainerTemplate | None = None) -> None:
        self.work_dir, self._stderr = make_work_dir()
        instructions_read, instructions_write = os.pipe()
        reports_read, reports_write = os.pipe()
        self._template = template
        self._child: subprocess.Popen[bytes] | AdoptedProcess | None = None
        self._is_stopped = False
        if template is not None:
            template.request(instructions_read, reports_write, self._stderr.fileno())
        else:
            self._child = self._spawn(niceness, environment, instructions_read, reports_write)
        os.close(instructions_read)
        os.close(reports_write)
        self._instructions = os.fdopen(instructions_write, "wb")
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        threading.Thread(target=self._read_reports, args=(reports_read,), daemon=True).start()

    def await_start(self) -> None:
        """Wait until the process exists; a template that still imports Keras forks it only then.

        Raises:
            TemplateFailed: the process will never exist.
        """
        if self._child is None and self._template is not None:
            self._child = self._template.started()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the process group.

        Raises:
            TemplateFailed: see `await_start`.
        """
        return self._process.pid

    @property
    def _process(self) -> subprocess.Popen[bytes] | AdoptedProcess:
        self.await_start()
        if self._child is None:
            raise TemplateFailed("no process was started")
        return self._child

    def is_alive(self) -> bool:
        """The process has not ended."""
        return self._process.poll() is None

    def send(self, message: Instruction) -> None:
        """Write a message to the trainer; `receive` notices when it has died."""
        with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: it was stopped and its pipe closed
            self._instructions.write(message.model_dump_json().encode() + b"\n")
            self._instructions.flush()

    def receive(self, timeout_s: float) -> Report | None:
        """The next report, or None when none came in time.

        Raises:
            EOFError: the trainer has ended and every report has been read.
        """
        try:
            report = self._reports.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if report is None:
            self._reports.put(None)
            raise EOFError
        return report

    def exit_status(self) -> int:
        """How the process ended: its exit code, or minus the number of the signal. Waits for the end."""
        return self._process.wait()

    def last_words(self) -> str:
        """The end of what the process wrote to standard error."""
        return tail_of(self._stderr, _STDERR_TAIL_BYTES)

    def stop(self, grace_s: float = 0.0) -> None:
        """End the whole process group and remove the temporary files; harmless when it has ended already."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if self._is_started():
            self._end_group(grace_s)
        with contextlib.suppress(BrokenPipeError):
            self._instructions.close()
        self._stderr.close()
        shutil.rmtree(self.work_dir, ignore_errors=True)

    def _is_started(self) -> bool:
        """Whether there is a process. A template that has not forked it yet is ended, and does not fork it later."""
        if self._child is None and self._template is not None:
            self._template.kill()
        try:
            self.await_start()
        except TemplateFailed:
            return False
        return True

    def _end_group(self, grace_s: float) -> None:
        if self.is_alive() and grace_s:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        self._signal(signal.SIGKILL)
        self._process.wait()
        if isinstance(self._process, AdoptedProcess):
            self._process.release()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _spawn(
        self, niceness: int, environment: Mapping[str, str], instructions: int, reports: int
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.training.trainer", str(os.getpid()), str(reports), str(niceness)],
            stdin=instructions,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=(reports,),
            start_new_session=True,
            env=dict(environment),
        )
        prefer_for_kills(process.pid)
        return process

    def _read_reports(self, descriptor: int) -> None:
        """Read the pipe at all times: a trainer must never wait for a worker that waits for Redis."""
        try:
            with os.fdopen(descriptor, "rb") as pipe:
                for line in pipe:
                    self._reports.put(REPORTS.validate_json(line))
        finally:
            self._reports.put(None)
