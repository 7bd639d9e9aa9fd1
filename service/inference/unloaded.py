"""The models that somebody asked not to be served: of this process, or of all API processes that share a directory.

One empty file per model, so that processes need no lock and no server; each looks again after a moment.
"""

import time
from collections.abc import Callable
from pathlib import Path

REFRESH_S = 0.3


class UnloadedModels:
    """A set of model names."""

    def __init__(self, directory: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with what is there.

        Args:
            directory: shared with other processes; None: the set is this process's own and begins empty.
            clock: seconds, for the age of the last look.
        """
        self._directory = directory
        self._clock = clock
        self._names: set[str] = set()
        self._looked_at = float("-inf")
        self.on_added: Callable[[str], None] = lambda _: None
        """Told the name of every model that another process has unloaded since the last look."""

    def __contains__(self, model: str) -> bool:
        self.look()
        return model in self._names

    def look(self) -> None:
        """See what other processes did, unless the last look was a moment ago."""
        if self._directory is None or self._clock() - self._looked_at <= REFRESH_S:
            return
        before, self._names = self._names, {path.name for path in self._directory.iterdir()}
        self._looked_at = self._clock()
        for model in self._names - before:
            self.on_added(model)

    def add(self, model: str) -> None:
        """Serve the model no more; other processes know within a moment."""
        self._names.add(model)
        if self._directory is not None:
            (self._directory / model).touch()

    def discard(self, model: str) -> None:
        """Serve the model again."""
        self._names.discard(model)
        if self._directory is not None:
            (self._directory / model).unlink(missing_ok=True)
