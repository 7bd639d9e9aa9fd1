"""Whether something outside works, while it does, does not, and hangs."""

import asyncio

import anyio
import pytest

from service.telemetry import heartbeat
from service.telemetry.heartbeat import Heartbeat

pytestmark = pytest.mark.anyio


class Server:
    """Works, does not, or hangs until it is let go on."""

    def __init__(self) -> None:
        self.is_up, self.n_looks = True, 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def look(self) -> bool:
        self.n_looks += 1
        await self.goes_on.wait()
        return self.is_up


async def test_a_server_that_answers_is_told_of_as_it_is() -> None:
    server = Server()
    beat = Heartbeat(server.look)
    for is_up in (True, False, True):
        server.is_up = is_up
        assert await beat.works() is is_up


async def test_a_server_that_hangs_is_as_it_was_until_its_deadline_and_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "PATIENCE_S", 0.01)
    server = Server()
    beat = Heartbeat(server.look)
    assert await beat.works()
    server.goes_on.clear()
    assert await asyncio.gather(*(beat.works() for _ in range(5))) == [True] * 5
    assert server.n_looks == 2
    server.is_up = False
    server.goes_on.set()
    await anyio.wait_all_tasks_blocked()
    server.goes_on.clear()
    assert not await beat.works()
    assert server.n_looks == 3


async def test_the_first_look_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "PATIENCE_S", 0.01)
    server = Server()
    server.goes_on.clear()
    asyncio.get_running_loop().call_later(0.1, server.goes_on.set)
    assert await Heartbeat(server.look).works()
    assert server.goes_on.is_set()


async def test_a_look_that_fails_is_not_taken_for_an_answer() -> None:
    async def fail() -> bool:
        raise RuntimeError("a fault of ours")

    beat = Heartbeat(fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await beat.works()
