"""The spare: a trainer that has already imported Keras, so that no job waits for the import.

Where it is safe, the spare is forked from a template, see `worker.supervision.trainer_template`. A template that fails
costs nothing but time: trainers are then started directly.
"""

import logging
import os
from collections.abc import Callable

from worker.settings import WorkerSettings
from worker.supervision.trainer_process import TrainerProcess
from worker.supervision.trainer_template import TemplateFailed, TrainerTemplate, is_forking_safe

logger = logging.getLogger(__name__)


class SpareTrainer:
    """Keeps at most one trainer ready, and the template it was forked from.

    Args:
        settings: of the worker; with `spare_trainer` off, nothing is kept and each trainer is started when it is taken.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        # Keras chooses its backend when it is imported, and TensorFlow's start-up messages are of no use. By default
        # TensorFlow uses oneDNN only with AVX-512 or AMX; it trains convolutions twice as fast with AVX2 alone, too.
        defaults = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "1"}
        self._environment = defaults | os.environ
        self._forks = settings.spare_trainer and settings.trainer_template and is_forking_safe(self._environment)
        self._template: TrainerTemplate | None = None
        self._spare: TrainerProcess | None = None

    @property
    def template_pid(self) -> int | None:
        """Process id of the template; None where there is none."""
        return None if self._template is None else self._template.pid

    def prepare(self) -> None:
        """Begin to make a spare ready, if there is none; returns at once."""
        if self._settings.spare_trainer and self._spare is None:
            self._prepare(self._fork if self._forks else self._spawn)

    def await_process(self) -> None:
        """Wait until the spare is a process: a template that imports Keras delays a claim, never a claimed job."""
        if self._spare is None:
            return
        try:
            self._spare.await_start()
        except TemplateFailed as error:
            logger.warning("no trainer was forked: %s", error)
            self._spare.stop()
            self._spare = None
            self._drop_template()
            self._prepare(self._spawn)

    def take(self) -> TrainerProcess:
        """The spare, or else a trainer that is started now.

        Raises:
            OSError: none can be started.
        """
        self.await_process()
        spare, self._spare = self._spare, None
        if spare is not None and spare.is_alive():
            return spare
        if spare is not None:
            logger.warning("the spare trainer had died: %s", spare.last_words())
            spare.stop()
        return self._spawn()

    def close(self) -> None:
        """End the spare and the template."""
        if self._spare is not None:
            self._spare.stop()
            self._spare = None
        self._drop_template()

    def _prepare(self, start: Callable[[], TrainerProcess]) -> None:
        try:
            self._spare = start()
        except OSError as error:
            logger.warning("no spare trainer: the next job starts its own: %s", error)

    def _fork(self) -> TrainerProcess:
        if self._template is not None and not self._template.is_alive():
            logger.warning("the template of trainers had died; another one is started")
            self._drop_template()
        if self._template is None:
            self._template = TrainerTemplate(self._settings.trainer_niceness, self._environment)
        return self._start(self._template)

    def _spawn(self) -> TrainerProcess:
        return self._start(None)

    def _start(self, template: TrainerTemplate | None) -> TrainerProcess:
        return TrainerProcess(self._settings.trainer_niceness, self._environment, template)

    def _drop_template(self) -> None:
        """Stop the template. One that has never forked a trainer would fail again, so that there will be no other."""
        if self._template is not None:
            self._forks = self._template.has_forked
            self._template.stop()
            self._template = None
