"""The networks in memory: within a budget, except pinned ones; loaded off the event loop; their memory is returned."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_store import ModelStore
from service.inference.engine import Engine, EngineRules
from service.inference.model_memory import MEMORY_PER_FILE_BYTE, MemoryRules
from service.inference.unloaded import UnloadedModels
from service.models.catalog import Catalog
from service.models.index import Damage
from service.telemetry.stages import Stages
from tests.event_loop import LoopClock, turns, until
from tests.unit.service.slow_store import SlowStore
from tests.unit.service.tiny_networks import SIDE, brightness_network, publish

pytestmark = pytest.mark.anyio

ONE_NETWORK = round(len(brightness_network()) * MEMORY_PER_FILE_BYTE)


@pytest.fixture
def slow_store(store: ModelStore) -> SlowStore:
    return SlowStore(store)


@pytest.fixture
def engines(slow_store: SlowStore, stages: Stages) -> Iterator[list[Engine]]:
    made: list[Engine] = []
    yield made
    for engine in made:
        engine.close()


def engine_of(engines: list[Engine], store: ModelStore, stages: Stages, **rules: object) -> Engine:
    memory = replace(MemoryRules(minimum_stay_s=0), **rules)  # type: ignore[arg-type]
    engines.append(Engine(store, stages, EngineRules(memory=memory)))
    return engines[-1]


def in_memory(engine: Engine) -> list[str]:
    return [entry.model for entry in engine.loaded()]


def grey(tenth: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((1, SIDE, SIDE, 3), round(255 * tenth / 9), np.uint8)


async def test_the_budget_counts_bytes_and_the_least_recently_used_makes_room(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages, budget_bytes=2 * ONE_NETWORK)
    alpha, beta, gamma = (publish(slow_store, name) for name in ("alpha", "beta", "gamma"))
    for manifest in (alpha, beta, alpha, gamma):
        await engine.infer(manifest, grey(1))
    assert in_memory(engine) == ["alpha", "gamma"]


async def test_a_network_larger_than_the_budget_is_served_alone(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages, budget_bytes=ONE_NETWORK // 2)
    for name in ("alpha", "beta"):
        assert (await engine.infer(publish(slow_store, name), grey(6))).argmax() == 6
    assert in_memory(engine) == ["beta"]


async def test_pinned_models_stay_by_version_or_as_the_latest(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    memory = MemoryRules(minimum_stay_s=0, max_models=2, pinned={"alpha/1", "beta"})
    engine = Engine(slow_store, stages, EngineRules(memory=memory), latest={"beta": 1}.get)
    engines.append(engine)
    for name in ("alpha", "beta", "gamma", "delta"):
        await engine.infer(publish(slow_store, name), grey(1))
    assert set(in_memory(engine)) >= {"alpha", "beta"}
    assert "gamma" not in in_memory(engine)


async def test_loads_that_wait_for_each_other_keep_to_the_budget(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages, max_models=1)
    manifests = [publish(slow_store, name) for name in ("alpha", "beta", "gamma", "delta")]
    await asyncio.gather(*(engine.load(manifest) for manifest in manifests))
    assert in_memory(engine) == ["delta"]


async def test_two_that_do_not_fit_together_each_stay_for_a_while(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages, max_models=1, minimum_stay_s=60)
    alpha, beta = (publish(slow_store, name) for name in ("alpha", "beta"))
    clock = LoopClock()
    await engine.infer(alpha, grey(1))
    waiting = asyncio.create_task(engine.infer(beta, grey(2)))
    for _ in range(6):
        await turns()
        assert in_memory(engine) == ["alpha"]
        assert (await engine.infer(alpha, grey(3))).argmax() == 3
        assert not waiting.done()
        clock.advance(9.9)
    clock.advance(1)
    assert (await waiting).argmax() == 2
    assert in_memory(engine) == ["beta"]
    clock.resume()


async def test_others_are_answered_while_one_loads(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages)
    alpha, beta = (publish(slow_store, name) for name in ("alpha", "beta"))
    await engine.load(alpha)
    arrived = slow_store.hold("beta", 1)
    loading = asyncio.create_task(engine.infer(beta, grey(4)))
    for tenth in range(10):
        assert (await engine.infer(alpha, grey(tenth))).argmax() == tenth
    assert not loading.done()
    arrived.set()
    assert (await loading).argmax() == 4


async def test_memory_comes_back_after_unloading(engines: list[Engine], slow_store: SlowStore, stages: Stages) -> None:
    engine = engine_of(engines, slow_store, stages)
    manifest = publish(slow_store)

    async def rounds(n: int) -> float:
        for _ in range(n):
            assert (await engine.infer(manifest, grey(8))).argmax() == 8
            engine.forget(manifest.model)
        return resident_mib()

    settled = await rounds(15)
    assert await rounds(40) < settled + 8


@pytest.mark.parametrize("case", ["evicted", "held by a batch", "forgotten while loading", "loaded apart"])
async def test_free_memory_is_returned_whatever_dropped_the_network_last(
    engines: list[Engine], slow_store: SlowStore, stages: Stages, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    trims: list[bool] = []
    network: Callable[[], object]
    monkeypatch.setattr("service.inference.model_memory.TRIM_AFTER_S", 0)
    monkeypatch.setattr("service.inference.model_memory.give_back", lambda: trims.append(network() is None))
    engine = engine_of(engines, slow_store, stages)
    manifest = publish(slow_store)
    if case == "loaded apart":
        queue = await engine.memory.load_apart(manifest)
    else:
        loading = asyncio.create_task(engine.memory.load(manifest))
        if case == "forgotten while loading":
            await asyncio.sleep(0)
            engine.forget(manifest.model)
        queue = await loading
        del loading
    network = weakref.ref(queue._network)
    if case == "held by a batch":
        engine.forget(manifest.model)
        await asyncio.wrap_future(engine.memory._thread.submit(gc.collect))  # what was planned before is done
        await turns()
        assert not trims
    del queue
    engine.forget(manifest.model)
    await until(lambda: bool(trims))
    gc.collect()
    assert trims == [True]


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def test_processes_that_share_a_directory_share_what_is_unloaded(tmp_path: Path) -> None:
    now = 0.0
    one, other = UnloadedModels(tmp_path), UnloadedModels(tmp_path, clock=lambda: now)
    assert not other.refresh()
    assert "shirts" not in other
    one.add("shirts")
    now += 1
    assert "shirts" in one
    assert other.refresh() == {"shirts"}
    assert "shirts" in other
    one.discard("shirts")
    now += 1
    assert not other.refresh()
    assert "shirts" not in other


async def test_what_another_process_unloads_leaves_the_memory_of_this_one(
    engines: list[Engine], slow_store: SlowStore, stages: Stages, tmp_path: Path
) -> None:
    now = 0.0
    engine = Engine(slow_store, stages, EngineRules(), unloaded=UnloadedModels(tmp_path, clock=lambda: now))
    engines.append(engine)
    for name in ("alpha", "beta"):
        await engine.load(publish(slow_store, name))
    UnloadedModels(tmp_path).add("alpha")
    now += 1
    engine.sync_unloaded()
    assert in_memory(engine) == ["beta"]


async def test_versions_that_the_catalog_loses_leave_memory(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages)
    catalog = Catalog(slow_store, refresh_s=0)
    catalog.on_lost(engine.forget)
    for name in ("alpha", "alpha", "beta", "gamma"):
        await engine.load(publish(slow_store, name))
    await catalog.refresh()
    slow_store.delete_version("alpha", 1)  # as another process does
    slow_store.delete_model("beta")
    await catalog.refresh()
    assert [(entry.model, entry.version) for entry in engine.loaded()] == [("alpha", 2), ("gamma", 1)]
    await catalog.mark_damaged(Damage("gamma", 1, "model.onnx"))
    assert in_memory(engine) == ["alpha"]
    catalog.close()


async def test_a_request_let_in_before_its_model_was_unloaded_has_a_network_of_its_own(
    engines: list[Engine], slow_store: SlowStore, stages: Stages
) -> None:
    engine = engine_of(engines, slow_store, stages)
    manifest = publish(slow_store)
    engine.unload(manifest.model)
    assert (await engine.infer(manifest, grey(7))).argmax() == 7
    assert in_memory(engine) == []
