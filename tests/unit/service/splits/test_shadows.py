"""Shadows wait for an idle moment, and are dropped when there is none or too much waits."""

from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from model_store import ArtifactCorrupt, Manifest, ModelStore, StoreUnavailable
from service.inference.engine import Engine, EngineRules
from service.models.index import Damage
from service.splits import shadows as shadows_module
from service.splits.shadows import PATIENCE_S, PAUSE_S, Shadows
from service.splits.trials import HIGHEST_BUCKET, Role, Trial, median_ms
from service.telemetry.stages import Stages
from tests.event_loop import LoopClock, turns, until
from tests.unit.service.tiny_networks import publish

pytestmark = pytest.mark.anyio

PIXELS = np.full((3, 4, 4, 3), 77, np.uint8)


class Load:
    """Whether predictions are under way."""

    is_busy = False


async def ignore(_: Damage) -> None:
    """Nobody has to know."""


@pytest.fixture
def trial(store: ModelStore) -> Trial:
    stable, shadow = publish(store), publish(store)
    return Trial("brightness", "live", {Role.STABLE: stable, Role.SHADOW: shadow}, lambda _: None)


@pytest.fixture
def load() -> Load:
    return Load()


@pytest.fixture
def shadows(store: ModelStore, stages: Stages, load: Load) -> Shadows:
    return Shadows(Engine(store, stages, EngineRules()), lambda: load.is_busy, ignore)


async def counted(trial: Trial, n: int, what: str) -> None:
    await until(lambda: trial.counts[f"shadow.{what}"] >= n)


@pytest.fixture
async def clock() -> AsyncIterator[LoopClock]:
    """The event loop's, which stands still until it is told to go on."""
    clock = LoopClock()
    yield clock
    clock.resume()


async def test_a_shadow_waits_for_an_idle_moment(trial: Trial, shadows: Shadows, load: Load, clock: LoopClock) -> None:
    load.is_busy = True
    shadows.offer(trial, PIXELS, np.array([3, 3, 4]))
    for _ in range(3):
        await turns()
        clock.advance(PAUSE_S)
    assert not trial.counts
    load.is_busy = False
    await counted(trial, 1, "requests")
    assert (trial.counts["shadow.pictures"], trial.counts["shadow.agreed"]) == (3, 2)


async def test_a_shadow_without_an_idle_moment_is_dropped(
    trial: Trial, shadows: Shadows, load: Load, clock: LoopClock
) -> None:
    load.is_busy = True
    for _ in range(3):
        shadows.offer(trial, PIXELS, np.zeros(3, np.intp))
    await turns()
    clock.advance(PATIENCE_S)
    await turns()
    clock.advance(PAUSE_S)
    await counted(trial, 3, "dropped")
    assert trial.counts == Counter({"shadow.dropped": 3})


@pytest.mark.parametrize(("limit", "value"), [("MOST_WAITING", 2), ("MOST_BYTES", 2 * PIXELS.nbytes)])
async def test_a_full_queue_takes_no_more(
    trial: Trial, shadows: Shadows, load: Load, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(shadows_module, limit, value)
    load.is_busy = True
    for _ in range(5):
        shadows.offer(trial, PIXELS, np.zeros(3, np.intp))
    assert trial.counts == Counter({"shadow.dropped": 3})
    load.is_busy = False
    await counted(trial, 2, "requests")
    await turns()
    shadows.offer(trial, PIXELS, np.zeros(3, np.intp))
    await counted(trial, 3, "requests")


async def test_an_error_of_a_shadow_is_counted_and_does_not_stop_the_others(trial: Trial, load: Load) -> None:
    async def fail(_: Manifest) -> None:
        raise RuntimeError("out of memory")

    broken = Shadows(cast(Engine, SimpleNamespace(load=fail)), lambda: load.is_busy, ignore)
    for _ in range(2):
        broken.offer(trial, PIXELS, np.zeros(3, np.intp))
    await counted(trial, 2, "errors")
    broken.close()


async def test_a_damaged_shadow_of_a_store_that_went_away_is_not_in_the_way_of_others(trial: Trial, load: Load) -> None:
    asked: list[int] = []

    async def find_damage(manifest: Manifest) -> None:
        asked.append(manifest.version)
        raise ArtifactCorrupt(manifest.model, manifest.version, "model.onnx", "its checksum differs")

    async def gone(_: Damage) -> None:
        raise StoreUnavailable("s3://bucket", "connection reset")

    broken = Shadows(cast(Engine, SimpleNamespace(load=find_damage)), lambda: load.is_busy, gone)
    for n in range(1, 4):
        broken.offer(trial, PIXELS, np.array([3, 3, 3]))
        await counted(trial, n, "errors")
    await turns()
    assert len(asked) == trial.counts["shadow.errors"] == 3


def test_the_median_is_right_within_6_percent(trial: Trial) -> None:
    assert median_ms({}) is None
    for ms in (0.01, 0.7, 8.0, 9.0, 10.0, 200.0, 1e9):
        trial.answered(Role.CANARY, 1, ms / 1000)
    own = {name.removeprefix("canary."): n for name, n in trial.counts.items()}
    assert median_ms(own) == pytest.approx(9.0, rel=0.06)
    assert own[f"t{HIGHEST_BUCKET}"] == 1
