"""Feedback is kept in names, so that a listing tells everything."""

from datetime import timedelta
from pathlib import Path

import pytest

from model_store import ModelStore, open_store
from model_store.feedback import Collection, Feedback, feedback_id, key_of_classes, now_ms

CLASSES = ("T-shirt/top", "猫", "dog")


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ModelStore:
    return open_store("memory://" if request.param == "memory" else str(tmp_path))


def entry(picture: bytes = b"picture", owner: str = "ada", **changes: object) -> Feedback:
    known = {
        "model": "shirts",
        "id": feedback_id(owner, picture),
        "at": now_ms(),
        "version": 7,
        "classes": key_of_classes(CLASSES),
        "given": 1,
        "answered": 2,
        "probability": 0.612,
        "owner": owner,
        "size_bytes": len(picture),
    }
    return Feedback(**(known | changes))  # type: ignore[arg-type]


def test_what_is_kept_is_found_again(store: ModelStore) -> None:
    first = entry()
    store.feedback.add(first, CLASSES, b"picture")
    assert store.feedback.all() == [first]
    assert store.feedback.picture(first) == b"picture"
    assert store.feedback.classes("shirts", first.classes) == CLASSES
    again = entry(given=2, at=first.at + timedelta(seconds=1))
    store.feedback.add(again, CLASSES, b"picture", [first])
    assert store.feedback.all() == [again]
    store.feedback.delete([again])
    assert store.feedback.all() == []
    store.feedback.add(first, CLASSES, b"picture")
    store.feedback.delete_model("shirts")
    assert (store.feedback.all(), store.feedback.classes("shirts", first.classes)) == ([], ())


def test_a_collection_holds_what_came_before_it(store: ModelStore) -> None:
    first, later = entry(), entry(b"other", at=now_ms() + timedelta(seconds=5))
    of_all = Collection(first.at, "pets", 3, "0001-ab")
    of_ben = Collection(later.at, "pets", 4, "0002-ab", owner="ben")
    for collection in (of_all, of_ben):
        store.feedback.note_collection("shirts", collection)
    assert store.feedback.collections("shirts") == [of_all, of_ben]
    assert (of_all.holds(first), of_all.holds(later), of_ben.holds(first)) == (True, False, False)


def test_objects_that_are_no_feedback_are_ignored(store: ModelStore) -> None:
    store.feedback._objects.put("feedback/shirts/pictures/ab/notes.txt", b"")
    store.feedback._objects.put("feedback/shirts/collections/notes", b"")
    assert (store.feedback.all(), store.feedback.collections("shirts")) == ([], [])
