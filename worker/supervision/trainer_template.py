"""The template as its worker sees it: a process that has imported Keras and forks trainers on request.

Only on Linux, with TensorFlow, and where no GPU is used: a process that uses CUDA cannot be forked. Other backends were
not tried; their trainers are started directly. See `worker.training.template`.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from worker.supervision.adopted_process import AdoptedProcess, adopt_orphans, reap_group
from worker.supervision.gpus import gpus
from worker.supervision.oom_score import prefer_for_kills
from worker.supervision.output_tail import tail_of
from worker.supervision.watchdog import cpu_seconds_of

PATIENCE_S = 30.0
"""How long a template may be silent without computing: imports take 5 s of processor time, and a fork milliseconds."""
_REQUEST = b"trainer"
_LONGEST_ANSWER = 16
_STDERR_TAIL_BYTES = 2000


class TemplateFailed(Exception):
    """The template has ended, or hangs."""


def is_forking_safe(environment: Mapping[str, str]) -> bool:
    """Whether trainers with this environment may be forked from a template.

    Args:
        environment: of the trainers, with Keras's backend.
    """
    if sys.platform != "linux" or environment.get("KERAS_BACKEND") != "tensorflow":
        return False
    return environment.get("CUDA_VISIBLE_DEVICES") in {"", "-1"} or not gpus()


class TrainerTemplate:
    """A process that is started at once and answers requests when it has imported Keras.

    One request may be open at a time. Must be created in the main thread, see `TrainerProcess`.

    Args:
        niceness: of the template and its trainers.
        environment: of the template and its trainers.

    Attributes:
        has_forked: it has started a trainer, so that it can.
    """

    def __init__(self, niceness: int, environment: Mapping[str, str]) -> None:
        self.has_forked = False
        adopt_orphans()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker.training.template", *map(str, (os.getpid(), theirs.fileno(), niceness))],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=dict(environment),
            )
        prefer_for_kills(self._process.pid)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the process group; trainers have groups of their own."""
        return self._process.pid

    def is_alive(self) -> bool:
        """The process has not ended."""
        return self._process.poll() is None

    def request(self, instructions: int, reports: int, output: int) -> None:
        """Ask for a trainer; `started` notices when the template has died.

        Args:
            instructions: descriptor that the trainer reads.
            reports: descriptor that the trainer writes.
            output: descriptor for what it prints.
        """
        with contextlib.suppress(OSError):
            socket.send_fds(self._requests, [_REQUEST], [instructions, reports, output])

    def started(self) -> AdoptedProcess:
        """Wait for the trainer that was asked for.

        Raises:
            TemplateFailed: there will be none.
        """
        cpu_s = -1.0
        while (answer := self._answer(PATIENCE_S)) is None:
            cpu_s, before = cpu_seconds_of(self.pid), cpu_s
            if cpu_s <= before:
                raise TemplateFailed(f"the template did nothing for {PATIENCE_S:g} s")
        try:
            trainer = AdoptedProcess(int(answer))
        except (ValueError, ChildProcessError) as error:
            raise TemplateFailed(f"the template has ended: {tail_of(self._output, _STDERR_TAIL_BYTES)}") from error
        self.has_forked = True
        return trainer

    def kill(self) -> None:
        """End the process. What it had answered before can still be read; harmless when it has ended already."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        reap_group(self.pid)

    def stop(self) -> None:
        """End the process, but not its trainers, and close everything."""
        self.kill()
        self._requests.close()
        self._output.close()

    def _answer(self, timeout_s: float) -> bytes | None:
        """The id of a trainer, nothing when the template has ended, and None when no answer came in time."""
        try:
            self._requests.settimeout(timeout_s)
            return self._requests.recv(_LONGEST_ANSWER)
        except TimeoutError:
            return None
        except OSError:
            return b""
