"""Whatever ends a conversion, its status says so and nothing else is left: real converters, a store that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from model_store import ConversionFailure, ConversionStatus, ModelStore, StoreFull, StoreUnavailable
from model_store.objects import Objects
from model_store.opening import open_objects
from service.datasets.conversions import Conversions
from service.datasets.scratch import Scratch
from service.errors import TooManyUploads
from tests.archives import two_classes, zipped
from tests.busy_machine import PATIENCE_S
from tests.integration.service.uploading import converter
from tests.unit.model_store.faulty_objects import RefusesFile
from worker.datasets.upload.options import UploadLimits, UploadOptions

pytestmark = pytest.mark.anyio

LIMITS = UploadLimits(
    max_files=1000,
    max_unpacked_bytes=2**30,
    max_picture_bytes=2**20,
    max_picture_pixels=1_000_000,
    max_picture_side=4000,
    max_pixels=10**9,
    max_cpu_s=600,
    max_memory_bytes=2 * 2**30,
)
SLOW = 512
"""Side of pictures that keep a converter busy for seconds."""


@pytest.fixture
def objects() -> Objects:
    return open_objects("memory://")


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
async def conversions(objects: Objects, uploads: Path) -> AsyncIterator[Conversions]:
    made = Conversions(ModelStore(objects).datasets, uploads, LIMITS, most_bodies=4)
    yield made
    await made.close()


async def start(conversions: Conversions, side: int) -> None:
    async with conversions.receiving() as folder:
        folder.archive.write_bytes(zipped(two_classes(150)))
        await conversions.start(folder, UploadOptions(name="pets", image_size=(side, side)))


async def failure(objects: Objects) -> ConversionFailure:
    """Why the conversion failed, once it has."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = ModelStore(objects).datasets.status("pets")
            if status is not None and status.error is not None:
                return status.error
            await asyncio.sleep(0.02)


def status_of(objects: Objects) -> ConversionStatus | None:
    return ModelStore(objects).datasets.status("pets")


def leftovers(objects: Objects, uploads: Path) -> set[str]:
    """Names of all files on the disk and in the store."""
    stored = [found.path.rpartition("/")[2] for found in objects.list("datasets/")]
    return {*stored, *(path.name for path in uploads.rglob("*"))}


async def test_a_converter_that_is_killed_fails_its_upload(
    conversions: Conversions, objects: Objects, uploads: Path
) -> None:
    await start(conversions, SLOW)
    converter().kill()
    assert (await failure(objects)).code == "converter_died"
    assert leftovers(objects, uploads) == {"status.json"}
    await start(conversions, 8)  # the name is free again


async def test_a_converter_that_is_killed_leaves_what_it_had_noticed(
    conversions: Conversions, objects: Objects
) -> None:
    async with conversions.receiving() as folder:
        # Half a minute of work: the report is stored after five seconds, later on a busy machine.
        folder.archive.write_bytes(zipped(two_classes(450) | {"dark/0 odd.png": b"?"}))
        await conversions.start(folder, UploadOptions(name="pets", image_size=(SLOW, SLOW)))
    (conversion,) = conversions._running
    async with asyncio.timeout(PATIENCE_S):
        while (stored := status_of(objects)) is None or not stored.report:
            await asyncio.sleep(0.02)
    converter().kill()
    await asyncio.wait({conversion})
    stored = status_of(objects)
    assert stored is not None
    assert stored.report is not None
    assert (stored.state, stored.report["skipped"]) == ("failed", {"not_a_picture": 1})


async def test_a_complete_body_waits_for_a_slot_and_is_told_to_come_back_when_none_gets_free(
    objects: Objects, uploads: Path
) -> None:
    conversions = Conversions(ModelStore(objects).datasets, uploads, LIMITS, most_bodies=9, slot_wait_s=0.2)
    async with AsyncExitStack() as stack:
        folders = [await stack.enter_async_context(conversions.receiving()) for _ in range(5)]
        for number, folder in enumerate(folders[:4]):
            folder.archive.write_bytes(zipped(two_classes(150)))
            await conversions.start(folder, UploadOptions(name=f"pets{number}", image_size=(SLOW, SLOW)))
        folders[4].archive.write_bytes(zipped(two_classes()))
        with pytest.raises(TooManyUploads):
            await conversions.start(folders[4], UploadOptions(name="cars"))
        await conversions.cancel("pets0")
        await conversions.start(folders[4], UploadOptions(name="cars"))
    await conversions.close()
    assert list(uploads.iterdir()) == []


async def test_a_converter_that_hangs_is_ended(objects: Objects, uploads: Path) -> None:
    conversions = Conversions(ModelStore(objects).datasets, uploads, LIMITS, most_bodies=4, silence_s=2)
    await start(conversions, SLOW)
    hanging = converter()
    hanging.suspend()
    found = await failure(objects)
    assert (found.code, "stuck" in found.message) == ("converter_died", True)
    assert not psutil.pid_exists(hanging.pid)
    await conversions.close()
    assert leftovers(objects, uploads) == {"status.json"}


@pytest.mark.parametrize("file", ["train-images.npy", "test-labels.npy", "preview.png"])
@pytest.mark.parametrize(
    ("kind", "code"), [(StoreFull, "disk_full"), (StoreUnavailable, "store_unavailable")], ids=["full", "gone"]
)
async def test_a_store_that_refuses_a_file_fails_the_upload_and_keeps_none_of_it(
    objects: Objects, uploads: Path, file: str, kind: type[StoreUnavailable], code: str
) -> None:
    refusing = Conversions(ModelStore(RefusesFile(objects, file, kind)).datasets, uploads, LIMITS, most_bodies=4)
    await start(refusing, 8)
    assert (await failure(objects)).code == code
    await refusing.close()
    assert leftovers(objects, uploads) == {"status.json"}


async def test_a_conversion_that_is_ended_at_any_moment_leaves_no_file(
    conversions: Conversions, objects: Objects, uploads: Path
) -> None:
    for delay_s in (0, 0.1, 0.3, 0.6, 1):
        await start(conversions, 64)
        await asyncio.sleep(delay_s)
        await conversions.cancel("pets")
        ModelStore(objects).datasets.delete("pets")
        assert leftovers(objects, uploads) == set()


async def test_what_dead_processes_left_is_swept_at_the_start(
    conversions: Conversions, objects: Objects, uploads: Path
) -> None:
    dead = Scratch(uploads)
    dead.archive.write_bytes(b"half an archive")
    dead._lock.close()  # as the kernel does when a process ends
    long_ago = datetime.now(UTC) - timedelta(days=1)
    ModelStore(objects).datasets.begin("pets", ConversionStatus(upload="1", started_at=long_ago, heartbeat_at=long_ago))
    conversions.open()
    await conversions.close()
    assert leftovers(objects, uploads) == {"status.json"}


async def test_a_store_that_does_not_answer_is_no_obstacle_to_starting(tmp_path: Path) -> None:
    store = ModelStore(open_objects(str(tmp_path / "store"))).datasets
    conversions = Conversions(store, tmp_path / "uploads", LIMITS, most_bodies=4)
    (tmp_path / "store").rmdir()
    conversions.open()
    await conversions.close()
