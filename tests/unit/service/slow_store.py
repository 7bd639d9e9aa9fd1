"""A store that holds a version back, or fails, when a test says so."""

import threading

from model_store import ModelStore, StoreError


class SlowStore(ModelStore):
    """Delays or fails the reads of the versions that a test names."""

    def __init__(self, store: ModelStore) -> None:
        super().__init__(store._objects)
        self._held: dict[tuple[str, int], threading.Event] = {}
        self.n_held = 0
        self.errors: dict[tuple[str, int], StoreError] = {}

    def hold(self, model: str, version: int) -> threading.Event:
        """Reads of this version's files wait until the event is set."""
        return self._held.setdefault((model, version), threading.Event())

    def read(self, model: str, version: int, file: str) -> bytes:
        if (model, version) in self._held:
            self.n_held += 1
            assert self._held[model, version].wait(60)
        if (model, version) in self.errors:
            raise self.errors[model, version]
        return super().read(model, version, file)
