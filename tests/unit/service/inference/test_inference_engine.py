"""The engine: loads once, keeps the last used, and calls damage by its name."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import ArtifactCorrupt, ModelStore
from service.errors import ModelUnloaded
from service.inference.engine import Engine, EngineRules
from service.inference.model_memory import MemoryRules
from service.telemetry.stages import Stages
from tests.unit.service.tiny_networks import CLASSES, SIDE, brightness_network, publish

pytestmark = pytest.mark.anyio


class CountingStore(ModelStore):
    """The store of a test, counting what is read."""

    def __init__(self, store: ModelStore) -> None:
        super().__init__(store._objects)
        self.reads: list[tuple[str, int]] = []

    def read(self, model: str, version: int, file: str) -> bytes:
        self.reads.append((model, version))
        return super().read(model, version, file)


@pytest.fixture
def counting(store: ModelStore) -> CountingStore:
    return CountingStore(store)


@pytest.fixture
def engine(counting: CountingStore, stages: Stages) -> Iterator[Engine]:
    engine = Engine(counting, stages, EngineRules(memory=MemoryRules(max_models=2, minimum_stay_s=0)))
    yield engine
    engine.close()


def greys(*tenths: int) -> NDArray[np.uint8]:
    levels = [round(255 * tenth / 9) for tenth in tenths]
    return np.stack([np.full((SIDE, SIDE, 3), level, np.uint8) for level in levels])


async def test_probabilities_come_in_the_order_of_the_pictures(engine: Engine, store: ModelStore) -> None:
    probabilities = await engine.infer(publish(store), greys(7, 0, 3))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (3, len(CLASSES))
    assert probabilities.argmax(axis=1).tolist() == [7, 0, 3]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


async def test_scaled_and_unscaled_pixels_mean_the_same(engine: Engine, store: ModelStore) -> None:
    manifest = publish(store)
    images = greys(2, 5)
    scaled = images.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(await engine.infer(manifest, images), await engine.infer(manifest, scaled))


async def test_thirty_callers_cause_one_loading(engine: Engine, counting: CountingStore) -> None:
    manifest = publish(counting)
    await asyncio.gather(*(engine.infer(manifest, greys(1)) for _ in range(30)))
    assert len(counting.reads) == 1


async def test_the_version_not_used_for_longest_makes_room(engine: Engine, counting: CountingStore) -> None:
    alpha, beta, gamma = (publish(counting, name) for name in ("alpha", "beta", "gamma"))
    for manifest in (alpha, beta, alpha, gamma, alpha, beta):
        await engine.load(manifest)
    assert [model for model, _ in counting.reads] == ["alpha", "beta", "gamma", "beta"]


async def test_a_forgotten_version_is_loaded_again(engine: Engine, counting: CountingStore) -> None:
    manifest = publish(counting)
    await engine.load(manifest)
    engine.forget(manifest.model, manifest.version)
    await engine.load(manifest)
    assert len(counting.reads) == 2


async def test_a_caller_who_leaves_does_not_take_the_loading_along(engine: Engine, counting: CountingStore) -> None:
    manifest = publish(counting)
    leaving = asyncio.create_task(engine.load(manifest))
    staying = asyncio.create_task(engine.load(manifest))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert len(counting.reads) == 1


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ({"model.keras": b"x"}, {}),
        ({"model.onnx": b""}, {}),
        ({"model.onnx": b"garbage"}, {}),
        ({"model.onnx": brightness_network()[:-40]}, {}),
        ({"model.onnx": brightness_network()}, {"classes": ("only", "two")}),
        ({"model.onnx": brightness_network(sharpness=float("nan"))}, {}),
    ],
    ids=["none", "empty", "garbage", "cut", "other classes", "not a number"],
)
async def test_a_network_that_is_none_is_called_damaged_every_time(
    engine: Engine, store: ModelStore, files: dict[str, bytes], changes: dict[str, object]
) -> None:
    manifest = publish(store, "brightness", files, **changes)
    for _ in range(2):
        with pytest.raises(ArtifactCorrupt) as raised:
            await engine.infer(manifest, greys(1))
        assert raised.value.file == "model.onnx"


async def test_an_unloaded_model_is_refused_at_the_door_and_those_within_end_well(
    engine: Engine, counting: CountingStore
) -> None:
    manifest = publish(counting)
    before = await engine.infer(manifest, greys(4))
    engine.unload(manifest.model)
    with pytest.raises(ModelUnloaded):
        await engine.load(manifest)
    np.testing.assert_array_equal(await engine.infer(manifest, greys(4)), before)
    assert engine.loaded() == []
    engine.restore(manifest.model)
    await engine.load(manifest)
    np.testing.assert_array_equal(await engine.infer(manifest, greys(4)), before)


async def test_unloading_while_a_version_is_loading_does_not_hurt_who_waits(engine: Engine, store: ModelStore) -> None:
    manifest = publish(store)
    waiting = asyncio.create_task(engine.infer(manifest, greys(2)))
    await asyncio.sleep(0)
    engine.unload(manifest.model)
    assert (await waiting).argmax() == 2


async def test_forgetting_a_whole_model_forgets_that_it_was_unloaded(engine: Engine, store: ModelStore) -> None:
    manifest = publish(store)
    engine.unload(manifest.model)
    engine.forget(manifest.model)
    await engine.load(manifest)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e38])
async def test_pixels_that_are_none_do_not_make_the_network_look_damaged(
    engine: Engine, store: ModelStore, value: float
) -> None:
    scaled = np.full((1, SIDE, SIDE, 3), value, np.float32)
    probabilities = await engine.infer(publish(store), scaled)
    assert probabilities.shape == (1, len(CLASSES))
