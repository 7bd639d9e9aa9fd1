"""The threads that decode pictures, and the queue before them, in which requests have fair turns.

A request is admitted by what its pictures are expected to take. While others wait, each gets an equal share of the
threads, whatever it brought: a picture of a few milliseconds goes ahead of sixty-four of half a second. Large pictures
never take the last thread, and together no more memory than is allowed. Work of a client that left is dropped before it
begins; decoding that runs cannot be interrupted.
"""

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from service.errors import Overloaded
from service.predict.decode_times import DecodeTimes
from worker.pictures.cost import Cost

LIGHT_S = 0.05
"""Work expected to take no longer may use the additional thread, which heavier work never gets."""


@dataclass(frozen=True)
class DecodeRules:
    """How much is decoded.

    Attributes:
        threads: how many heavy pictures at once; light ones may use one thread more.
        memory_bytes: for the heavy ones that are decoded at once; a single larger one is decoded alone.
        queue_s: longest time, in seconds, in which a request is expected to be decoded while others wait.
    """

    threads: int = 2
    memory_bytes: int = 512_000_000
    queue_s: float = 5.0


class Work(NamedTuple):
    """Something for a thread.

    Attributes:
        cost: what it is expected to take.
        run: does it.
    """

    cost: Cost
    run: Callable[[], None]


@dataclass(eq=False)
class _Request:
    """A request whose pictures are decoded.

    Attributes:
        left_s: expected seconds of its work that has not ended.
        turn: virtual time at which its work would end if all requests had equal shares.
    """

    left_s: float
    turn: float


class _Waiting(NamedTuple):
    turn: float
    number: int  # so that nothing else is compared
    work: Work
    expected_s: float
    request: _Request
    done: asyncio.Future[None]


class DecodeQueue:
    """Threads and their queue. Belongs to one event loop, as everything that waits in it does."""

    def __init__(self, rules: DecodeRules) -> None:
        self._rules = rules
        self._times = DecodeTimes()
        self._threads = ThreadPoolExecutor(rules.threads + 1, "decode")
        self._requests: set[_Request] = set()
        self._light: list[_Waiting] = []  # heaps
        self._heavy: list[_Waiting] = []
        self._n_running = self._n_heavy = 0
        self._heavy_bytes = 0
        self._now = 0.0  # virtual time
        self._numbers = itertools.count()

    async def run(self, works: Sequence[Work]) -> None:
        """Do all the work of one request. Cancelled, what has not begun is dropped.

        Raises:
            Overloaded: others wait, and it would take too long beside them.
            Exception: what one of them raises, and no other one begins.
        """
        expected = [self._times.expected_s(work.cost) for work in works]
        request = self._admit(sum(expected))
        waiting = [self._enqueue(request, work, expected_s) for work, expected_s in zip(works, expected, strict=True)]
        try:
            self._begin()
            await asyncio.gather(*waiting)
        finally:
            self._requests.discard(request)
            while waiting:  # emptied, because an error refers to this frame, and would to itself
                waiting.pop().cancel()

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _admit(self, seconds: float) -> _Request:
        if self._requests:
            expected_s = self._expected_s(seconds)
            if expected_s > self._rules.queue_s:
                raise Overloaded(max(1, math.ceil(expected_s - self._rules.queue_s)))
        request = _Request(seconds, self._now)
        self._requests.add(request)
        return request

    def _expected_s(self, seconds: float) -> float:
        """When work of so many seconds is expected to be done beside what waits: every request has an equal share."""
        others_s = sum(max(0.0, min(request.left_s, seconds)) for request in self._requests)
        return (seconds + others_s) / self._rules.threads

    def _enqueue(self, request: _Request, work: Work, expected_s: float) -> asyncio.Future[None]:
        request.turn += expected_s
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heap = self._light if expected_s <= LIGHT_S else self._heavy
        heapq.heappush(heap, _Waiting(request.turn, next(self._numbers), work, expected_s, request, done))
        return done

    def _begin(self) -> None:
        """Begin as much of the work that waits as there are threads and memory for."""
        while self._n_running <= self._rules.threads:
            heap = self._next_heap()
            if heap is None:
                return
            self._start(heapq.heappop(heap))

    def _next_heap(self) -> list[_Waiting] | None:
        light, heavy = _without_dropped(self._light), _without_dropped(self._heavy)
        may_be_heavy = heavy and self._n_running < self._rules.threads and self._has_memory_for(heavy[0])
        if may_be_heavy and not (light and light[0].turn <= heavy[0].turn):
            return heavy
        return light or None

    def _has_memory_for(self, waiting: _Waiting) -> bool:
        wanted_bytes = self._heavy_bytes + waiting.work.cost.memory_bytes
        return not self._n_heavy or wanted_bytes <= self._rules.memory_bytes

    def _start(self, waiting: _Waiting) -> None:
        self._now += waiting.expected_s / max(1, len(self._requests))
        is_heavy = waiting.expected_s > LIGHT_S
        self._count(waiting, 1, is_heavy=is_heavy)
        running = asyncio.get_running_loop().run_in_executor(self._threads, _timed, waiting.work.run)
        running.add_done_callback(lambda ended: self._end(waiting, ended, is_heavy=is_heavy))

    def _count(self, waiting: _Waiting, sign: int, *, is_heavy: bool) -> None:
        self._n_running += sign
        if is_heavy:
            self._n_heavy += sign
            self._heavy_bytes += sign * waiting.work.cost.memory_bytes

    def _end(self, waiting: _Waiting, ended: asyncio.Future[float], *, is_heavy: bool) -> None:
        self._count(waiting, -1, is_heavy=is_heavy)
        waiting.request.left_s -= waiting.expected_s
        if ended.cancelled():  # the process ends
            waiting.done.cancel()
            return
        error = ended.exception()
        if error is None:
            self._times.learn(waiting.work.cost, ended.result())
        if not waiting.done.done():
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)
        self._begin()


def _timed(run: Callable[[], None]) -> float:
    began_at = time.perf_counter()
    run()
    return time.perf_counter() - began_at


def _without_dropped(heap: list[_Waiting]) -> list[_Waiting]:
    """The heap, without work at its top whose client has left."""
    while heap and heap[0].done.done():
        heapq.heappop(heap)
    return heap
