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

    def test_storage_names_what_is_directly_below_a_prefix(self, objects: Objects) -> None:
        for path in ("models/x/versions/1/a", "models/x/versions/1/b", "models/x/versions/12/a", "models/x/numbers"):
            objects.put(path, b"1")

        assert sorted(objects.names("models/x/versions/")) == ["1", "12"]
        assert sorted(objects.names("models/x/")) == ["numbers", "versions"]
        assert list(objects.names("models/y/")) == []

    def test_storage_tells_whether_an_object_was_replaced(self, objects: Objects) -> None:
        assert objects.tag("changes/marker") == ""
        objects.put("changes/marker", b"1")
        first = objects.tag("changes/marker")
        assert objects.tag("changes/marker", first) == first != ""
        objects.put("changes/marker", b"2")
        second = objects.tag("changes/marker", first)
        assert second not in ("", first)
        objects.delete(["changes/marker"])
        assert objects.tag("changes/marker", second) == ""

    def test_storage_stops_a_listing_that_grows_too_long(self, objects: Objects) -> None:
        for number in range(7):
            objects.put(f"models/{number}", b"1")

        assert len(objects.list("models/", 7)) == 7
        assert len(objects.list("models/", 3)) > 3
