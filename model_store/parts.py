"""The parts of a store beside its models: datasets, checkpoints, imports, keys, jobs that have ended, feedback.

Each has its own place below the store's root, and its own module.
"""

from model_store.changes import Changes
from model_store.checkpoints import CheckpointStore
from model_store.contents import Contents
from model_store.datasets import DatasetStore
from model_store.errors import StoreFull
from model_store.feedback import FeedbackStore
from model_store.free_space import leaves_enough
from model_store.imports import ImportStore
from model_store.job_segments import JobSegments
from model_store.keys import KeyStore
from model_store.later_files import LaterFiles
from model_store.objects import Objects
from model_store.predictions import PredictionStore


class StoreParts:
    """What a store holds beside its models, over any storage that can put an object if it is absent."""

    def __init__(self, objects: Objects, min_free_bytes: int = 0) -> None:
        self._objects = objects
        self._min_free_bytes = min_free_bytes

    @property
    def datasets(self) -> DatasetStore:
        """The datasets in this store."""
        return DatasetStore(self._objects)

    @property
    def contents(self) -> Contents:
        """The models as a reader of all of them sees them."""
        return Contents(self._objects)

    @property
    def changes(self) -> Changes:
        """What was changed in the models."""
        return Changes(self._objects)

    @property
    def checkpoints(self) -> CheckpointStore:
        """The checkpoints from which interrupted trainings resume."""
        return CheckpointStore(self._objects, self.require_free_space)

    @property
    def imports(self) -> ImportStore:
        """The models that were uploaded and wait for their jobs."""
        return ImportStore(self._objects, self.require_free_space)

    @property
    def later_files(self) -> LaterFiles:
        """Files that were added to versions after they were published."""
        return LaterFiles(self._objects, self.require_free_space)

    @property
    def keys(self) -> KeyStore:
        """The keys of callers."""
        return KeyStore(self._objects)

    @property
    def job_segments(self) -> JobSegments:
        """The finished jobs that were moved into this store."""
        return JobSegments(self._objects)

    @property
    def feedback(self) -> FeedbackStore:
        """The pictures that came back with their right labels."""
        return FeedbackStore(self._objects, self.require_free_space)

    @property
    def predictions(self) -> PredictionStore:
        """The answers of jobs that classify many pictures."""
        return PredictionStore(self._objects, self.require_free_space)

    def require_free_space(self, size_bytes: int = 0) -> None:
        """Check that so many bytes can be added and enough space stays free.

        Raises:
            StoreFull: there is too little free space.
        """
        free_bytes = self._objects.free_bytes()
        if free_bytes is not None and not leaves_enough(free_bytes, size_bytes, self._min_free_bytes):
            needed = f"expected {(self._min_free_bytes + size_bytes) / 1e6:.0f} MB, found {free_bytes / 1e6:.0f} MB"
            raise StoreFull(self._objects.url, f"it has too little free space: {needed}")
