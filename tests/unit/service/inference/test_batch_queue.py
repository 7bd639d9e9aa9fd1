"""The queue before a network: waiting pictures share a run, clients that left are dropped, and waits are bounded."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import ArtifactCorrupt, Manifest, ModelStore
from service.errors import Overloaded
from service.inference.batch_queue import INLINE_S, BatchQueue, BatchRules
from service.inference.network import Network, Pixels
from tests.event_loop import turns, until
from tests.unit.service.tiny_networks import SIDE, brightness_network, publish

pytestmark = pytest.mark.anyio


class WatchedNetwork(Network):
    """A real network that takes as long as a test says, and notes its batches and whose thread ran them."""

    def __init__(self, manifest: Manifest, picture_s: float = 1e-6) -> None:
        super().__init__(manifest, brightness_network(), threads=1)
        self.batches: list[int] = []
        self.n_begun = 0
        self.threads: set[str] = set()
        self.may_run = threading.Event()
        self.may_run.set()
        self._says_s = picture_s

    def expected_s(self, n_pictures: int) -> float:
        return n_pictures * self._says_s

    @property
    def picture_s(self) -> float:
        return self._says_s

    def pictures_within(self, seconds: float) -> int:
        return max(1, int(seconds / self._says_s))

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        self.n_begun += 1
        assert self.may_run.wait(60)
        self.batches.append(len(pixels))
        self.threads.add(threading.current_thread().name)
        return super().run(pixels)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, "infer") as pool:
        yield pool


@pytest.fixture
def quick(store: ModelStore) -> WatchedNetwork:
    return WatchedNetwork(publish(store))


@pytest.fixture
def slow(store: ModelStore) -> WatchedNetwork:
    return WatchedNetwork(publish(store), picture_s=2 * INLINE_S)


def grey(tenth: int, n: int = 1) -> NDArray[np.uint8]:
    return np.full((n, SIDE, SIDE, 3), round(255 * tenth / 9), np.uint8)


def queue_of(network: Network, threads: ThreadPoolExecutor, **rules: float) -> BatchQueue:
    return BatchQueue(network, BatchRules(**rules), threads, 1, lambda *_: None)  # type: ignore[arg-type]


async def under_way(network: WatchedNetwork) -> None:
    """Come back when the network works on a batch in its thread."""
    n_ended = len(network.batches)
    await until(lambda: network.n_begun > n_ended)


async def ask(queue: BatchQueue, tenth: int, n: int = 1) -> list[int]:
    answers: list[int] = (await queue.ask(grey(tenth, n))).probabilities.argmax(axis=1).tolist()
    return answers


async def test_those_who_ask_in_the_same_moment_share_a_run(quick: WatchedNetwork, threads: ThreadPoolExecutor) -> None:
    queue = queue_of(quick, threads)
    answers = await asyncio.gather(*(ask(queue, tenth) for tenth in range(10)))
    assert answers == [[tenth] for tenth in range(10)]
    assert quick.batches == [10]


async def test_quick_networks_run_on_the_event_loop_and_slow_ones_in_a_thread(
    quick: WatchedNetwork, slow: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    await ask(queue_of(quick, threads), 1)
    await ask(queue_of(slow, threads), 1)
    assert quick.threads == {threading.current_thread().name}
    assert slow.threads == {"infer_0"}


async def test_what_comes_during_a_run_goes_together_into_the_next(
    slow: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    queue = queue_of(slow, threads)
    slow.may_run.clear()
    first = asyncio.create_task(ask(queue, 1))
    await under_way(slow)
    others = [asyncio.create_task(ask(queue, tenth)) for tenth in range(2, 8)]
    await turns()
    slow.may_run.set()
    assert await first == [1]
    assert await asyncio.gather(*others) == [[tenth] for tenth in range(2, 8)]
    assert slow.batches == [1, 6]


async def test_a_request_larger_than_a_batch_is_worked_on_in_parts(
    quick: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    queue = queue_of(quick, threads, max_pictures=4)
    pictures = np.concatenate([grey(tenth) for tenth in range(10)])
    answer = await queue.ask(pictures)
    assert answer.probabilities.argmax(axis=1).tolist() == list(range(10))
    assert max(quick.batches) <= 4


async def test_a_client_that_leaves_is_dropped_and_the_others_get_their_own_answers(
    slow: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    queue = queue_of(slow, threads)
    slow.may_run.clear()
    first = asyncio.create_task(ask(queue, 0))
    await under_way(slow)
    waiting = [asyncio.create_task(ask(queue, tenth)) for tenth in range(1, 7)]
    await turns()
    for leaving in waiting[::2]:
        leaving.cancel()
    slow.may_run.set()
    assert await asyncio.gather(first, *waiting[1::2]) == [[0], [2], [4], [6]]
    assert slow.batches == [1, 3]


async def test_a_picture_that_cannot_be_prepared_fails_alone(
    quick: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    def broken(_start: int, _end: int) -> Pixels:
        raise LookupError("no picture")

    queue = queue_of(quick, threads)
    good, bad = await asyncio.gather(
        queue.ask_prepared(1, lambda *_: grey(3)), queue.ask_prepared(1, broken), return_exceptions=True
    )
    assert not isinstance(good, BaseException)
    assert good.probabilities.argmax() == 3
    assert isinstance(bad, LookupError)
    assert quick.batches == [1]


async def test_preparing_pictures_does_not_hold_up_the_event_loop(
    quick: WatchedNetwork, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_in_this_turn, now = 0, 0.0
    for module in ("batch", "batch_queue"):
        monkeypatch.setattr(f"service.inference.{module}.time", SimpleNamespace(perf_counter=lambda: now))

    def slowly(start: int, end: int) -> Pixels:
        nonlocal n_in_this_turn, now
        n_in_this_turn += end - start
        now += (end - start) * INLINE_S / 3
        return np.concatenate([grey(n % 10) for n in range(start, end)])

    queue = queue_of(quick, threads)
    await queue.ask_prepared(1, slowly)
    waiting = [queue.ask_prepared(1, partial(lambda n, *_: slowly(n, n + 1), n)) for n in range(32)]
    whole = queue.ask_prepared(32, slowly)
    turns = []
    while not all(answer.done() for answer in [*waiting, whole]):
        turns.append(n_in_this_turn)
        n_in_this_turn = 0
        await asyncio.sleep(0)
    assert [answer.result().probabilities.argmax() for answer in waiting] == [n % 10 for n in range(32)]
    assert whole.result().probabilities.argmax(axis=1).tolist() == [n % 10 for n in range(32)]
    assert max(turns) <= 6


async def test_a_long_queue_of_quick_batches_is_quick(store: ModelStore, threads: ThreadPoolExecutor) -> None:
    network = WatchedNetwork(publish(store), picture_s=INLINE_S / 8)
    queue = queue_of(network, threads, max_pictures=4)
    waiting = [asyncio.create_task(ask(queue, n)) for n in range(10)]
    await asyncio.sleep(0)
    assert queue.is_quick(1)
    await asyncio.gather(*waiting)


async def test_damage_is_told_to_everybody_in_the_batch(quick: WatchedNetwork, threads: ThreadPoolExecutor) -> None:
    wrong = np.zeros((1, SIDE, SIDE, 1), np.uint8)  # a shape the network does not take
    queue = queue_of(quick, threads)
    found = await asyncio.gather(queue.ask(wrong), queue.ask(wrong), return_exceptions=True)
    assert [type(error) for error in found] == [ArtifactCorrupt, ArtifactCorrupt]
    assert await ask(queue, 5) == [5]


async def test_uint8_and_scaled_pixels_may_share_a_run(quick: WatchedNetwork, threads: ThreadPoolExecutor) -> None:
    queue = queue_of(quick, threads)
    scaled = grey(7).astype(np.float32) / np.float32(255)
    unscaled, same = await asyncio.gather(queue.ask(grey(7)), queue.ask(scaled))
    np.testing.assert_array_equal(unscaled.probabilities, same.probabilities)
    assert quick.batches == [2]


async def test_a_full_queue_refuses_and_says_when_to_come_back(
    slow: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    queue = queue_of(slow, threads, queue_pictures=4)
    slow.may_run.clear()
    accepted = [asyncio.create_task(ask(queue, 1))]
    await under_way(slow)
    accepted += [asyncio.create_task(ask(queue, 1)) for _ in range(4)]
    await turns()
    with pytest.raises(Overloaded) as refused:
        await ask(queue, 1)
    assert refused.value.retry_after_s == 1
    slow.may_run.set()
    assert await asyncio.gather(*accepted) == [[1]] * 5
    assert await ask(queue, 2) == [2]


async def test_a_request_that_would_wait_longer_than_allowed_is_refused(
    slow: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    queue = queue_of(slow, threads, queue_s=10 * INLINE_S)
    slow.may_run.clear()
    accepted = [asyncio.create_task(ask(queue, 1))]
    await under_way(slow)
    accepted.append(asyncio.create_task(ask(queue, 1, n=20)))  # to an empty queue: let in whatever it brings
    await turns()
    with pytest.raises(Overloaded):
        await ask(queue, 1)
    slow.may_run.set()
    await asyncio.gather(*accepted)


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": loop}) for loop in (False, True)])
async def test_a_delay_may_gather_more_and_a_full_batch_does_not_wait_for_its_end(
    quick: WatchedNetwork, threads: ThreadPoolExecutor
) -> None:
    queue = queue_of(quick, threads, max_delay_s=60, max_pictures=3)
    waiting = [asyncio.create_task(ask(queue, tenth)) for tenth in range(2)]
    await turns()
    assert quick.batches == []
    waiting.append(asyncio.create_task(ask(queue, 2)))
    assert await asyncio.gather(*waiting) == [[0], [1], [2]]
    assert quick.batches == [3]


async def test_one_picture_and_sixty_four_have_the_same_answers(store: ModelStore, threads: ThreadPoolExecutor) -> None:
    queue = queue_of(Network(publish(store), brightness_network(sharpness=5.0), threads=1), threads)
    pictures = np.random.default_rng(1).integers(0, 256, (64, SIDE, SIDE, 3), dtype=np.uint8)
    together = (await queue.ask(pictures)).probabilities
    alone = np.concatenate([(await queue.ask(picture[np.newaxis])).probabilities for picture in pictures])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)
