"""The models that are unloaded on request: in this process, or in all API processes that share a directory.

There is one empty file per model, so processes need no lock and no server; each reads the directory again after a
moment.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path

REFRESH_S = 0.3


class UnloadedModels:
    """A set of model names."""

    def __init__(self, directory: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing; the first `refresh` reads the directory.

        Args:
            directory: shared with other processes; None for a set that belongs to this process and begins empty.
            clock: seconds, for the age of what was read.
        """
        self._directory = directory
        self._clock = clock
        self._names: set[str] = set()
        self._read_at = float("-inf")

    def __contains__(self, model: str) -> bool:
        """Whether the model is unloaded, as far as the last `refresh` knows."""
        return model in self._names

    def refresh(self) -> Collection[str]:
        """Read again what other processes did, unless that was done a moment ago.

        Returns:
            The models that other processes have unloaded since the last time.
        """
        if self._directory is None or self._clock() - self._read_at <= REFRESH_S:
            return ()
        before, self._names = self._names, {path.name for path in self._directory.iterdir()}
        self._read_at = self._clock()
        return self._names - before

    def add(self, model: str) -> None:
        """Stop serving the model; other processes know within a moment."""
        self._names.add(model)
        if self._directory is not None:
            (self._directory / model).touch()

    def discard(self, model: str) -> None:
        """Serve the model again."""
        self._names.discard(model)
        if self._directory is not None:
            (self._directory / model).unlink(missing_ok=True)
