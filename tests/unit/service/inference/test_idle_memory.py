"""After a burst memory goes back to the system, and above the target unused networks do."""

from collections.abc import Iterator

import numpy as np
import pytest

from model_store import ModelStore
from service.inference.engine import Engine, EngineRules
from service.inference.idle_memory import BUSY_LIMIT_S, GROWN_BYTES, IDLE_S, IdleMemory, resident_memory
from service.inference.model_memory import MemoryRules
from service.telemetry.stages import Stages
from tests.unit.service.tiny_networks import SIDE, publish

pytestmark = pytest.mark.anyio

TARGET = 1_000_000_000


class Machine:
    """Its memory and its time are what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resident = 100_000_000
        self.now = 1000.0
        self.trims = 0
        monkeypatch.setattr("service.inference.idle_memory.give_back", self._give_back)
        monkeypatch.setattr("service.inference.model_memory.time.monotonic", lambda: self.now)

    def memory_of(self, engine: Engine) -> IdleMemory:
        return IdleMemory(engine.memory, TARGET, lambda: self.resident, lambda: self.now)

    def _give_back(self) -> None:
        self.trims += 1
        self.resident = 110_000_000


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def engine(store: ModelStore, stages: Stages) -> Iterator[Engine]:
    engine = Engine(store, stages, EngineRules(memory=MemoryRules(minimum_stay_s=0, pinned={"pinned/1"})))
    yield engine
    engine.close()


async def test_free_memory_is_returned_once_after_a_burst(engine: Engine, machine: Machine) -> None:
    memory = machine.memory_of(engine)
    await memory.look(is_busy=False)
    assert machine.trims == 0
    machine.resident += 2 * GROWN_BYTES
    await memory.look(is_busy=True)
    assert machine.trims == 0
    await memory.look(is_busy=False)
    await memory.look(is_busy=False)
    assert machine.trims == 1


async def test_a_process_that_is_never_idle_returns_memory_too(engine: Engine, machine: Machine) -> None:
    memory = machine.memory_of(engine)
    machine.resident += 2 * GROWN_BYTES
    machine.now += BUSY_LIMIT_S
    await memory.look(is_busy=True)
    assert machine.trims == 1


async def test_unused_networks_are_evicted_above_the_target(
    engine: Engine, store: ModelStore, machine: Machine
) -> None:
    memory = machine.memory_of(engine)
    manifests = {name: publish(store, name) for name in ("pinned", "old", "used", "last")}
    for manifest in manifests.values():
        await engine.load(manifest)
    await memory.look(is_busy=False)
    machine.now += IDLE_S
    await engine.infer(manifests["used"], np.zeros((1, SIDE, SIDE, 3), np.uint8))
    await engine.infer(manifests["last"], np.zeros((1, SIDE, SIDE, 3), np.uint8))
    await memory.look(is_busy=False)
    assert len(engine.loaded()) == 4
    machine.resident = TARGET + 1
    for _ in range(3):
        await memory.look(is_busy=False)
    assert [one.model for one in engine.loaded()] == ["pinned", "used", "last"]
    machine.resident, machine.now = TARGET + 1, machine.now + 10 * IDLE_S
    for _ in range(3):
        machine.resident = TARGET + 1
        await memory.look(is_busy=False)
    assert [one.model for one in engine.loaded()] == ["pinned", "last"]


async def test_nothing_happens_where_memory_cannot_be_told(engine: Engine, machine: Machine) -> None:
    memory = IdleMemory(engine.memory, TARGET, lambda: None, lambda: machine.now)
    await memory.look(is_busy=False)
    assert machine.trims == 0


def test_the_memory_of_this_process_is_told_or_not_at_all() -> None:
    told = resident_memory()
    assert told is None or told > 10_000_000
