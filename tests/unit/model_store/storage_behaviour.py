"""What the store relies on, asked of the storage itself."""

import pytest

from model_store import (
    ModelStore,
)
from model_store.objects import Objects


class StorageBehaviour:
    """The storage's own promises."""

    def test_a_store_that_works_passes_its_check(self, store: ModelStore) -> None:
        store.check()
        store.check()

        assert store.models() == []

    def test_storage_refuses_a_second_object_and_recognises_its_own(self, objects: Objects) -> None:
        assert objects.create("models/x", b"first")
        assert not objects.create("models/x", b"second")
        assert objects.create("models/x", b"first")  # as when the first answer was lost and the write was repeated

        assert objects.read("models/x") == b"first"

    def test_storage_forgets_an_object_twice_without_complaint(self, objects: Objects) -> None:
        objects.put("models/x", b"1")
        objects.put("models/y", b"1")
        objects.delete(["models/gone", "models/x", "models/y"])
        objects.delete(["models/x"])
        objects.delete([])

        assert objects.list("models/") == []
        with pytest.raises(FileNotFoundError):
            objects.read("models/x")
        with pytest.raises(FileNotFoundError):
            objects.open("models/x")
