"""Feedback in the store: pictures that came back with the right label, and what a version had answered.

    feedback/<model>/pictures/<id>/<facts>       the picture's file; everything else that is known is in <facts>
    feedback/<model>/classes/<key>.json          the labels that the indices in <facts> mean
    feedback/<model>/collections/<facts>         says which feedback became a version of a dataset; empty

The facts are in the names, so that one listing answers how many pictures there are, whose, and how often each version
was right. The id is a digest of the owner and the file: the same picture again replaces what its owner said before.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from model_store.names import MODEL_PATTERN, check_dataset, check_key, check_model, is_name
from model_store.objects import Objects, StoredObject

ROOT = "feedback/"
_PICTURES, _CLASSES, _COLLECTIONS = "pictures", "classes", "collections"
_ID_BYTES, _KEY_BYTES = 10, 6
_N_FACTS = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Feedback:
    """One picture with its right label.

    Attributes:
        model: that was asked.
        id: of the picture, for this owner.
        at: when it came, to the millisecond.
        version: that answered.
        classes: key of the version's labels, see `FeedbackStore.classes`.
        given: index of the right label.
        answered: index of the version's answer.
        probability: of that answer, to a thousandth.
        owner: name of the key that sent it.
        size_bytes: of the picture's file.
    """

    model: str
    id: str
    at: datetime
    version: int
    classes: str
    given: int
    answered: int
    probability: float
    owner: str
    size_bytes: int = 0

    @property
    def is_right(self) -> bool:
        """Whether the version had answered the right label."""
        return self.given == self.answered


@dataclass(frozen=True, slots=True)
class Collection:
    """Feedback of a model that was made a version of a dataset.

    Attributes:
        until: newest feedback that is part of it.
        dataset: its name.
        version: of the dataset.
        upload: that becomes this version.
        owner: of the feedback; None for everybody's.
    """

    until: datetime
    dataset: str
    version: int
    upload: str
    owner: str | None = None

    def holds(self, entry: Feedback) -> bool:
        """Whether some feedback is part of it."""
        return entry.at <= self.until and self.owner in (None, entry.owner)


def feedback_id(owner: str, picture: bytes) -> str:
    """The id of a picture that an owner sends."""
    return hashlib.blake2b(owner.encode() + b"\0" + picture, digest_size=_ID_BYTES).hexdigest()


class FeedbackStore:
    """The feedback in one store. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects, require_free_space: Callable[[int], None]) -> None:
        self._objects = objects
        self._require_free_space = require_free_space

    def all(self) -> list[Feedback]:
        """The feedback on all models, oldest first. One listing."""
        found = (_entry(stored) for stored in self._objects.list(ROOT))
        return sorted((entry for entry in found if entry is not None), key=lambda entry: entry.at)

    def add(self, entry: Feedback, classes: Sequence[str], picture: bytes, replaced: Iterable[Feedback] = ()) -> None:
        """Keep a picture.

        Args:
            entry: what is known about it.
            classes: labels of the version, in the order of their index.
            picture: its file.
            replaced: earlier entries with the same id.

        Raises:
            InvalidName: of the model or the owner.
            StoreFull: the picture would not leave enough free space.
        """
        check_model(entry.model)
        check_key(entry.owner)
        self._require_free_space(len(picture))
        self._objects.create(_classes_path(entry.model, entry.classes), _classes_json(classes))
        self._objects.put(_path(entry), picture)
        self._objects.delete(_path(old) for old in replaced if old != entry)

    def picture(self, entry: Feedback) -> bytes:
        """The picture's file. Raises `FileNotFoundError` when it was deleted meanwhile."""
        return self._objects.read(_path(entry))

    def classes(self, model: str, key: str) -> tuple[str, ...]:
        """The labels that the indices of an entry mean; none when their record is gone."""
        try:
            return tuple(json.loads(self._objects.read(_classes_path(model, key))))
        except (FileNotFoundError, ValueError):
            return ()

    def delete(self, entries: Iterable[Feedback]) -> None:
        """Forget pictures."""
        self._objects.delete(_path(entry) for entry in entries)

    def delete_model(self, model: str) -> None:
        """Forget everything about a model."""
        check_model(model)
        self._objects.delete(stored.path for stored in self._objects.list(f"{ROOT}{model}/"))

    def collections(self, model: str) -> list[Collection]:
        """What was collected from a model's feedback, oldest first, whether or not the datasets exist."""
        check_model(model)
        names = (stored.path.rpartition("/")[2] for stored in self._objects.list(f"{ROOT}{model}/{_COLLECTIONS}/"))
        found = (_collection(name) for name in names)
        return sorted((each for each in found if each is not None), key=lambda each: each.until)

    def note_collection(self, model: str, collection: Collection) -> None:
        """Remember that feedback becomes a version of a dataset."""
        check_model(model)
        check_dataset(collection.dataset)
        facts = (
            *(_ms(collection.until), collection.version, collection.dataset),
            *(collection.upload, collection.owner or ""),
        )
        self._objects.put(f"{ROOT}{model}/{_COLLECTIONS}/{'.'.join(map(str, facts))}", b"")


def key_of_classes(classes: Sequence[str]) -> str:
    """The name under which a version's labels are kept."""
    return hashlib.blake2b(_classes_json(classes), digest_size=_KEY_BYTES).hexdigest()


def now_ms() -> datetime:
    """The time, to the millisecond, as names keep it."""
    return _at(_ms(datetime.now(UTC)))


def _classes_json(classes: Sequence[str]) -> bytes:
    return json.dumps(list(classes), ensure_ascii=False).encode()


def _classes_path(model: str, key: str) -> str:
    return f"{ROOT}{model}/{_CLASSES}/{key}.json"


def _path(entry: Feedback) -> str:
    facts = (
        *(_ms(entry.at), entry.version, entry.classes, entry.given, entry.answered),
        *(round(entry.probability * 1000), entry.owner),
    )
    return f"{ROOT}{entry.model}/{_PICTURES}/{entry.id}/{'.'.join(map(str, facts))}"


def _entry(stored: StoredObject) -> Feedback | None:
    """What a path says; None for other objects."""
    match stored.path.split("/"):
        case [_, model, folder, name, facts] if folder == _PICTURES and is_name(model, MODEL_PATTERN):
            parts = facts.split(".")
            if len(parts) == _N_FACTS and all(map(str.isdecimal, (*parts[:2], *parts[3:6]))):
                at, version, classes, given, answered, permille, owner = parts
                numbers = (int(given), int(answered), int(permille) / 1000)
                return Feedback(model, name, _at(int(at)), int(version), classes, *numbers, owner, stored.size_bytes)
    return None


def _collection(facts: str) -> Collection | None:
    parts = facts.split(".")
    if len(parts) != 5 or not all(map(str.isdecimal, parts[:2])):
        return None
    until, version, dataset, upload, owner = parts
    return Collection(_at(int(until)), dataset, int(version), upload, owner or None)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
