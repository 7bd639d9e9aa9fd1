"""Figures of a canary over all API processes, on a real server."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis

from model_store import open_store
from service.jobs.queue import JobQueue
from service.models.index import ModelEntry
from service.splits import sender as sender_module
from service.splits.figures import Figures
from service.splits.sender import Sender
from service.splits.splits import Splits
from service.splits.trials import Role, Trial
from tests.unit.service.tiny_networks import publish
from worker.job_store.split_counts import KEPT_S, SplitCounts

NAME = "shirts:live:1.2.0"


def test_the_counts_of_all_processes_are_added_and_forgotten_after_30_days(client: redis.Redis) -> None:
    first = datetime(2026, 3, 1, tzinfo=UTC)
    one, other = SplitCounts(client), SplitCounts(client)
    assert one.read(NAME) == ({}, None)
    one.add(NAME, {"stable.requests": 4, "canary.requests": 1}, first)
    other.add(NAME, {"canary.requests": 2, "canary.t7": 2}, first + timedelta(hours=1))
    assert other.read(NAME) == ({"stable.requests": 4, "canary.requests": 3, "canary.t7": 2}, first)
    assert 0 < int(client.ttl(f"convserve:split:{NAME}")) <= KEPT_S
    assert one.read("shirts:live:1.3.0") == ({}, None)


class Process:
    """What an API process has of one split."""

    def __init__(self, client: redis.Redis) -> None:
        store = open_store("memory://")
        queue = SimpleNamespace(call=asyncio.to_thread)
        self.sender = Sender(SplitCounts(client), cast(JobQueue, queue))
        self.trial = Trial(
            "brightness",
            "live",
            {Role.STABLE: publish(store), Role.CANARY: publish(store), Role.SHADOW: publish(store)},
            self.sender.counted,
        )
        splits = SimpleNamespace(trial=lambda *_: self.trial)
        self.figures = Figures(cast(Splits, splits), self.sender)

    async def shown(self) -> Any:  # noqa: ANN401 - JSON
        found = await self.figures.of(cast(ModelEntry, None), "live")
        return None if found is None else found.model_dump(mode="json")


@pytest.mark.anyio
async def test_every_process_shows_the_figures_of_all(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "SEND_EVERY_S", 0.01)
    one, other = Process(client), Process(client)
    for process, n in ((one, 3), (other, 4)):
        process.trial.count(Role.CANARY, "requests", n)
        process.trial.answered(Role.CANARY, n, 0.002)
        process.trial.answered(Role.SHADOW, 10, 0.002)
        process.trial.count(Role.SHADOW, "agreed", n)
    async with asyncio.timeout(60):
        while one.trial.unsent or other.trial.unsent:  # sent without being asked for
            await asyncio.sleep(0.01)
    shown = await one.shown()
    async with asyncio.timeout(60):
        while shown["canary"]["requests"] < 7:
            await asyncio.sleep(0.01)
            shown = await one.shown()
    assert shown == await other.shown()
    assert (shown["scope"], shown["canary"]["pictures"]) == ("all processes", 7)
    assert shown["canary"]["latency_p50_ms"] == pytest.approx(2.0, rel=0.06)
    assert (shown["shadow"]["agreement"], shown["stable"]["requests"]) == (0.35, 0)
    for process in (one, other):
        process.sender.close()
