"""What a dataset's answer says while other processes change the dataset."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model_store import ConversionStatus, DatasetManifest, DatasetStore
from model_store.dataset_uploads import DatasetUploads
from model_store.objects import Objects
from model_store.opening import open_objects
from service.datasets.listing import DatasetListing
from tests.unit.model_store.datasets_behaviour import FACTS, status
from worker.datasets.upload.report import NO_DUPLICATES, DatasetReport

pytestmark = pytest.mark.anyio

REPORT = DatasetReport(
    files=8,
    split="as uploaded",
    skipped={},
    skipped_files=(),
    duplicates=NO_DUPLICATES,
    small_classes=(),
    missing_in_train=(),
    missing_in_test=(),
    dropped_classes=(),
)
PETS = FACTS.model_copy(update={"report": REPORT.model_dump(mode="json")})


class InterruptedStore(DatasetStore):
    """Another process acts at the moment at which the newest manifest has been read."""

    meanwhile: Callable[[], object] | None = None

    def find(self, name: str) -> DatasetManifest | ConversionStatus | None:
        found = super().find(name)
        act, self.meanwhile = self.meanwhile, None
        if act:
            act()
        return found


@pytest.fixture
def objects() -> Objects:
    return open_objects("memory://")


@pytest.fixture
def store(objects: Objects) -> InterruptedStore:
    store = InterruptedStore(objects)
    store.begin("pets", status())
    store.publish("pets", "1", PETS, {})
    store.begin("pets", status("2", version=2))
    return store


def publish_second(store: DatasetStore) -> DatasetManifest:
    return store.publish("pets", "2", PETS, {}, version=2)


async def test_an_addition_published_during_the_answer_is_either_being_added_or_a_version(
    store: InterruptedStore, tmp_path: Path
) -> None:
    store.meanwhile = lambda: publish_second(store)
    seen = await DatasetListing(store, tmp_path).one("pets")
    assert (seen.version, seen.addition and seen.addition.version) == (1, 2), "the client would take it for lost"


async def test_a_status_that_a_killed_converter_left_behind_says_nothing_about_the_published_version(
    objects: Objects, store: InterruptedStore, tmp_path: Path
) -> None:
    publish_second(store)
    DatasetUploads(objects).put_status("pets", status("2", version=2))
    seen = await DatasetListing(store, tmp_path).one("pets")
    assert (seen.version, seen.addition) == (2, None)
