"""Requests have fair turns at the decoding threads, and each is admitted by what it is expected to take."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from service.errors import Overloaded
from service.predict.decode_queue import LIGHT_S, DecodeQueue, DecodeRules, Work
from service.predict.decode_times import FASTEST, MEASURED_S, SLOWEST, DecodeTimes
from worker.pictures.cost import Cost

pytestmark = pytest.mark.anyio

SECONDS_OF_WORK = 1 / MEASURED_S["WEBP"]


def cost(seconds: float, memory_bytes: int = 0) -> Cost:
    return Cost("WEBP", 1, 1, 1, memory_bytes, round(seconds * SECONDS_OF_WORK))


class Door:
    """Work that goes on when a test says so, and is noted when it begins."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.opened = threading.Event()

    def work(self, name: str, seconds: float, memory_bytes: int = 0) -> Work:
        def run() -> None:
            self.begun.append(name)
            assert self.opened.wait(10)

        return Work(cost(seconds, memory_bytes), run)

    async def has_begun(self, n: int) -> list[str]:
        """What has begun, once it is so much, and everything that may begin has had its time."""
        async with asyncio.timeout(10):
            while len(self.begun) < n:
                await asyncio.to_thread(lambda: None)
        for _ in range(5):
            await asyncio.to_thread(lambda: None)
        return list(self.begun)


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.opened.set()


@pytest.fixture
def queue_of() -> Iterator[Callable[..., DecodeQueue]]:
    made: list[DecodeQueue] = []

    def make(threads: int = 1, memory_bytes: int = 1000, queue_s: float = 100.0) -> DecodeQueue:
        made.append(DecodeQueue(DecodeRules(threads, memory_bytes, queue_s)))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


def ask(queue: DecodeQueue, works: Sequence[Work]) -> "asyncio.Task[None]":
    return asyncio.create_task(queue.run(works))


async def test_all_the_work_of_a_request_is_done(queue_of: Callable[..., DecodeQueue]) -> None:
    done: list[int] = []
    works = [Work(cost(n / 100), lambda n=n: done.append(n)) for n in range(20)]  # type: ignore[misc]
    await queue_of(threads=2).run(works)
    assert sorted(done) == list(range(20))


async def test_a_light_picture_does_not_wait_for_heavy_ones(queue_of: Callable[..., DecodeQueue], door: Door) -> None:
    queue = queue_of(threads=2)
    heavy = ask(queue, [door.work("heavy", 0.5) for _ in range(64)])
    assert await door.has_begun(2) == ["heavy"] * 2
    light = ask(queue, [door.work("light", LIGHT_S / 10)])
    assert await door.has_begun(3) == ["heavy", "heavy", "light"]
    heavy.cancel()
    door.opened.set()
    await light


async def test_requests_take_turns_whatever_they_bring(queue_of: Callable[..., DecodeQueue], door: Door) -> None:
    queue = queue_of()
    asked = [ask(queue, [door.work("first", 1.0) for _ in range(5)])]
    await door.has_begun(1)
    asked.append(ask(queue, [door.work("small", 0.2)]))
    asked.append(ask(queue, [door.work("second", 1.0) for _ in range(2)]))
    await asyncio.sleep(0)
    door.opened.set()
    await asyncio.gather(*asked)
    assert door.begun[:2] == ["first", "small"]
    assert door.begun.index("second") <= 3
    assert door.begun[-1] == "first"


async def test_heavy_work_is_done_although_light_work_keeps_coming(
    queue_of: Callable[..., DecodeQueue], door: Door
) -> None:
    queue = queue_of()
    door.opened.set()
    heavy = ask(queue, [door.work("heavy", 0.06)] * 3)
    rounds = 0
    while not heavy.done():
        await asyncio.gather(*(queue.run([door.work("light", LIGHT_S)]) for _ in range(3)))
        rounds += 1
        assert rounds < 50
    await heavy


async def test_what_is_decoded_at_once_fits_into_memory(queue_of: Callable[..., DecodeQueue], door: Door) -> None:
    queue = queue_of(threads=3, memory_bytes=1000)
    asked = ask(queue, [door.work("large", 1, 800), door.work("too much beside it", 2, 300)])
    beside = ask(queue, [door.work("small", 0.001, 300)])
    assert sorted(await door.has_begun(2)) == ["large", "small"]
    door.opened.set()
    await asyncio.gather(asked, beside)


async def test_a_picture_larger_than_the_memory_is_decoded_alone(
    queue_of: Callable[..., DecodeQueue], door: Door
) -> None:
    queue = queue_of(threads=2, memory_bytes=1000)
    door.opened.set()
    await queue.run([door.work("huge", 1, 5000), door.work("other", 1, 1)])
    assert door.begun == ["huge", "other"]


async def test_work_of_a_client_that_left_does_not_begin(queue_of: Callable[..., DecodeQueue], door: Door) -> None:
    queue = queue_of()
    leaving = ask(queue, [door.work("leaving", 1.0) for _ in range(64)])
    await door.has_begun(1)
    leaving.cancel()
    staying = ask(queue, [door.work("staying", 1.0)])
    await asyncio.sleep(0)
    door.opened.set()
    await staying
    assert door.begun == ["leaving", "staying"]


async def test_a_request_that_would_take_too_long_beside_others_is_told_when_to_come_back(
    queue_of: Callable[..., DecodeQueue], door: Door
) -> None:
    queue = queue_of(threads=1, queue_s=5.0)
    alone = ask(queue, [door.work("alone", 1.0) for _ in range(12)])  # as long as nobody waits, any work is admitted
    await door.has_begun(1)
    with pytest.raises(Overloaded) as refused:
        await queue.run([door.work("much", 1.0) for _ in range(10)])
    assert refused.value.retry_after_s == 15
    little = ask(queue, [door.work("little", 0.01)])
    door.opened.set()
    await asyncio.gather(alone, little)
    await queue.run([door.work("much", 1.0) for _ in range(10)])


async def test_an_error_reaches_the_request_and_ends_it(queue_of: Callable[..., DecodeQueue]) -> None:
    def fail() -> None:
        raise LookupError("lost")

    queue = queue_of()
    done: list[str] = []
    with pytest.raises(LookupError, match="lost"):
        await queue.run([Work(cost(0.01), fail), Work(cost(0.2), lambda: done.append("x"))])
    await queue.run([Work(cost(0.01), lambda: done.append("next"))])
    assert "next" in done


def test_times_are_learned_within_bounds() -> None:
    times = DecodeTimes()
    assert times.expected_s(cost(1.0)) == pytest.approx(1.0)
    for _ in range(200):
        times.learn(cost(1.0), took_s=2.0)
    assert times.expected_s(cost(1.0)) == pytest.approx(2.0, rel=0.01)
    for _ in range(200):
        times.learn(cost(1.0), took_s=0.0)
    assert times.expected_s(cost(1.0)) == pytest.approx(FASTEST, rel=0.01)
    for _ in range(200):
        times.learn(cost(1.0), took_s=1000.0)
    assert times.expected_s(cost(1.0)) == pytest.approx(SLOWEST, rel=0.01)
    times.learn(cost(1e-6), took_s=1.0)  # too small to tell
    assert times.expected_s(cost(1.0)) == pytest.approx(SLOWEST, rel=0.01)
