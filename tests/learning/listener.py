"""The other end of a trainer's link, for trainings without a worker."""

from worker.jobs.records import History, Progress, PublishedModel


class Listener:
    """Remembers what it is told, lets everything pass, and may ask for a pause, or after an epoch for the end."""

    def __init__(self, pause_at: int | None = None, finish_after: int | None = None) -> None:
        self.told: list[Progress] = []
        self.histories: list[History] = []
        self._model: PublishedModel | None = None
        self._looks, self._pause_at, self._finish_after = 0, pause_at, finish_after

    @property
    def history(self) -> History:
        """The newest one."""
        return self.histories[-1] if self.histories else History()

    @property
    def model(self) -> PublishedModel:
        """What was published; fails the test when nothing was."""
        assert self._model is not None, "nothing was published"
        return self._model

    def progress(self, progress: Progress, history: History | None = None) -> None:
        self.told.append(progress)
        if history is not None:
            self.histories.append(history)

    def is_pause_asked(self) -> bool:
        self._looks += 1
        return self._looks == self._pause_at

    def is_finish_asked(self) -> bool:
        return self._finish_after is not None and len(self.history.loss) >= self._finish_after

    def may_publish(self, version: int) -> bool:
        return True

    def published(self, model: PublishedModel) -> None:
        self._model = model
