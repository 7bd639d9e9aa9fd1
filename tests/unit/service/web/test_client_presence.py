"""A client that disconnects while its prediction waits is noticed, and the work for it stops."""

import asyncio
import threading

import numpy as np
import pytest
from starlette.types import Message

from model_store import ModelStore
from service.errors import ClientLeft
from service.inference.batch_queue import BatchRules
from service.inference.engine import Engine, EngineRules
from service.inference.network import Network, Pixels
from service.telemetry.stages import Stages
from service.web.client_presence import receive_of_request, while_client_stays
from tests.event_loop import turns, until
from tests.unit.service.tiny_networks import SIDE, publish

pytestmark = pytest.mark.anyio


class Connection:
    """A client's, from the server's side, after the request has come in."""

    def __init__(self) -> None:
        self._has_left = asyncio.Event()

    def leave(self) -> None:
        self._has_left.set()

    async def receive(self) -> Message:
        await self._has_left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
async def connection() -> Connection:
    return Connection()


async def test_work_is_done_for_a_client_who_stays(connection: Connection) -> None:
    receive_of_request.set(connection.receive)

    async def work() -> str:
        await turns()
        return "answer"

    assert await while_client_stays(work()) == "answer"


async def test_work_outside_of_a_request_is_just_done() -> None:
    assert await while_client_stays(asyncio.sleep(0, "answer")) == "answer"


async def test_work_is_cancelled_when_its_client_leaves(connection: Connection) -> None:
    receive_of_request.set(connection.receive)
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    working = asyncio.create_task(while_client_stays(work()))
    await began.wait()
    connection.leave()
    with pytest.raises(ClientLeft):
        await working
    await ended.wait()


async def test_errors_of_the_work_are_told(connection: Connection) -> None:
    async def work() -> None:
        raise LookupError("none")

    receive_of_request.set(connection.receive)
    with pytest.raises(LookupError):
        await while_client_stays(work())


async def test_a_client_who_leaves_the_queue_is_not_worked_for(
    connection: Connection, store: ModelStore, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    begun, may_run = threading.Event(), threading.Event()
    plain_run = Network.run

    def run(network: Network, pixels: Pixels) -> "np.typing.NDArray[np.float32]":
        begun.set()
        assert may_run.wait(60)
        runs.append(len(pixels))
        return plain_run(network, pixels)

    monkeypatch.setattr(Network, "run", run)
    monkeypatch.setattr(Network, "expected_s", lambda *_: 1.0)  # too long for the event loop
    engine = Engine(store, stages, EngineRules(workers=1, batches=BatchRules(max_pictures=1)))
    manifest, picture = publish(store), np.zeros((1, SIDE, SIDE, 3), np.uint8)
    await engine.load(manifest)
    first = asyncio.create_task(engine.infer(manifest, picture))
    await until(begun.is_set)
    receive_of_request.set(connection.receive)
    second = asyncio.create_task(engine.infer(manifest, picture))
    await turns()
    connection.leave()
    with pytest.raises(ClientLeft):
        await second
    may_run.set()
    await first
    assert runs == [1]
    engine.close()
