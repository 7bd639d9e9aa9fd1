"""Files that are added to a version later: beside it, checked, and gone with it."""

import pytest

from model_store import ArtifactCorrupt, open_store
from model_store.later_files import LaterFiles
from tests.unit.model_store.published import publish


def test_what_is_added_later_is_found_and_replaced() -> None:
    store = open_store("memory://")
    publish(store)
    assert store.later_files.find("shirts", 1, "layers.json") is None

    store.later_files.put("shirts", 1, "layers.json", b"one")
    store.later_files.put("shirts", 1, "layers.json", b"two")

    assert store.later_files.find("shirts", 1, "layers.json") == b"two"
    assert "layers.json" not in store.manifest("shirts", 1).files


def test_damage_is_noticed() -> None:
    store = open_store("memory://")
    publish(store)
    store.later_files.put("shirts", 1, "layers.json", b"one")
    files = store.later_files
    assert isinstance(files, LaterFiles)
    files._objects.put("models/shirts/versions/1/later-layers.json", b"f" * 64 + b"\none")

    with pytest.raises(ArtifactCorrupt):
        files.find("shirts", 1, "layers.json")


def test_a_deleted_version_takes_them_along() -> None:
    store = open_store("memory://")
    publish(store)
    store.later_files.put("shirts", 1, "layers.json", b"one")

    store.delete_version("shirts", 1)

    assert store.later_files.find("shirts", 1, "layers.json") is None
