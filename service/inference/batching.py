"""Puts the pictures that wait for one network into one run, and lets nobody wait who would wait too long.

There is no fixed delay: whatever has come while the last batch ran goes together into the next. A queue belongs to
one version, so a batch never mixes two. Its length is bounded; who comes when it is full is told when to come back.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from service.errors import Overloaded
from service.inference.network import Network, Pixels, scaled

INLINE_S = 0.002
"""A batch expected to take no longer runs on the event loop: handing it to a thread and back cost 50 µs here, as
much as a picture of a small network, and Python's own lock lets the loop do little meanwhile. Preparing its pictures
may take as long once more; those it does not get to are in the next one."""
GATHERING_TURNS = 3
"""Turns of the event loop, at most, in which requests that have arrived are read before a batch begins: no delay but
work that is due anyhow. With 8 connections batches grew from 4.2 pictures to 8."""
LONGEST_BATCH_S = 0.05
"""A batch grows until it is expected to take so long: beyond, a large network gains nothing, and needs memory."""
_KEPT_OF_PREPARING = 0.9


@dataclass(frozen=True)
class BatchRules:
    """How batches are made.

    Attributes:
        max_pictures: most pictures in one run.
        max_delay_s: how long a picture may wait for company although nothing runs.
        queue_pictures: most pictures that wait; whoever comes to an empty queue is let in whatever their number.
        queue_s: longest wait that is expected of anybody.
    """

    max_pictures: int = 32
    max_delay_s: float = 0.0
    queue_pictures: int = 1024
    queue_s: float = 5.0


class Answer(NamedTuple):
    """What a batch says about the pictures of one caller.

    Attributes:
        probabilities: float32, shape (n, n_classes).
        queue_s: seconds from asking to the start of the run.
        compute_s: seconds of the run.
    """

    probabilities: NDArray[np.float32]
    queue_s: float
    compute_s: float


T = TypeVar("T")

OnBatch = Callable[[int, float, float], None]
"""Told of every run: pictures, seconds the first of them waited, seconds it took."""


class _Part(NamedTuple):
    n_pictures: int
    pixels: Callable[[], Pixels]
    answer: asyncio.Future[Answer]
    asked_at: float


class _Run(NamedTuple):
    parts: list[_Part]
    found: NDArray[np.float32] | Exception | None
    failed: list[tuple[_Part, Exception]]
    began_at: float
    ended_at: float


class BatchQueue:
    """The queue before one network. Belongs to one event loop, as everything that waits in it does."""

    def __init__(
        self, network: Network, rules: BatchRules, threads: Executor, runs_at_once: int, on_batch: OnBatch
    ) -> None:
        """Make an empty queue.

        Args:
            network: what answers.
            rules: how batches are made.
            threads: where batches run that take long.
            runs_at_once: how many of them at the same time.
            on_batch: told of every run.
        """
        self._network = network
        self._rules = rules
        self._threads = threads
        self._runs_at_once = runs_at_once
        self._on_batch = on_batch
        self._waiting: deque[_Part] = deque()
        self._n_waiting = 0
        self._n_running = 0
        self._next: asyncio.Handle | None = None  # the next look at the queue, once it is planned
        self._preparing_s = 0.0  # of one picture
        self._is_delayed = False  # whether that look waits for company; uvloop's handles do not tell

    def is_quick(self, n_pictures: int) -> bool:
        """Whether so many pictures are answered before anybody could leave: on the event loop, batch by batch."""
        batch = min(self._n_waiting + n_pictures, self._most_pictures())
        return not self._n_running and self._network.expected_s(batch) <= INLINE_S

    async def ask(self, pixels: Pixels) -> Answer:
        """Classify pictures, together with whatever else waits; many are worked on in parts.

        Whoever is cancelled while waiting leaves the queue.

        Args:
            pixels: as for `Network.run`; at least one picture.

        Raises:
            Overloaded: too many wait already.
            ArtifactCorrupt: the network is damaged.
        """
        return await self.ask_prepared(len(pixels), lambda start, end: pixels[start:end])

    def ask_prepared(self, n_pictures: int, pixels: Callable[[int, int], Pixels]) -> asyncio.Future[Answer]:
        """Classify pictures that become pixels when their batch begins. Like `ask`, but joins the queue at once.

        Pictures of a batch are so prepared in a row, which is faster than one here and one there: after anything else
        the processor has to fetch that work's code and data anew (decoding 2 kB of PNG: 44 µs in a row, 75 µs after a
        run of the network).

        Args:
            n_pictures: at least one.
            pixels: makes those from one position up to another, quickly; what it raises is this caller's answer and
                nobody else's.
        """
        self._refuse_overload(n_pictures)
        most = self._most_in_a_part()
        if n_pictures <= most:
            return self._enqueue(n_pictures, lambda: pixels(0, n_pictures))
        bounds = [(start, min(start + most, n_pictures)) for start in range(0, n_pictures, most)]
        return asyncio.ensure_future(
            _whole([self._enqueue(end - start, partial(pixels, start, end)) for start, end in bounds])
        )

    def _refuse_overload(self, n_pictures: int) -> None:
        if not self._n_waiting:
            return  # whoever comes first is let in, however much it brings
        waits_s = self._n_waiting * self._network.picture_s / self._runs_at_once
        if self._n_waiting + n_pictures > self._rules.queue_pictures or waits_s > self._rules.queue_s:
            raise Overloaded(max(1, math.ceil(waits_s)))

    def _most_in_a_part(self) -> int:
        """As many as go into a batch, or fewer that are soon prepared: between parts the event loop has its turn."""
        return max(1, min(self._most_pictures(), int(INLINE_S / max(self._preparing_s, 1e-6))))

    def _most_pictures(self) -> int:
        return min(self._rules.max_pictures, self._network.pictures_within(LONGEST_BATCH_S))

    def _enqueue(self, n_pictures: int, pixels: Callable[[], Pixels]) -> asyncio.Future[Answer]:
        part = _Part(n_pictures, pixels, asyncio.get_running_loop().create_future(), time.perf_counter())
        self._waiting.append(part)
        self._n_waiting += n_pictures
        self._plan(self._rules.max_delay_s)
        return part.answer

    def _plan(self, delay_s: float = 0.0) -> None:
        """See to it that the queue is looked at, if it is not seen to already."""
        if self._n_running >= self._runs_at_once:
            return
        loop = asyncio.get_running_loop()
        if self._n_waiting >= self._rules.max_pictures:
            delay_s = 0.0
            if self._next is not None and self._is_delayed:
                self._next.cancel()
                self._next = None
        if self._next is None:
            n_seen = self._n_waiting
            self._is_delayed = delay_s > 0
            if self._is_delayed:
                self._next = loop.call_later(delay_s, self._begin)
            else:
                # Never at once: everybody else whose request has been read already joins first.
                self._next = loop.call_soon(self._gather, n_seen, GATHERING_TURNS)

    def _gather(self, n_seen: int, n_turns: int) -> None:
        """Give the event loop another turn while each brings somebody new, then begin."""
        if n_seen < self._n_waiting < self._rules.max_pictures and n_turns:
            self._next = asyncio.get_running_loop().call_soon(self._gather, self._n_waiting, n_turns - 1)
        else:
            self._begin()

    def _begin(self) -> None:
        self._next = None
        batch = self._next_batch()
        if not batch:
            return
        if self._network.expected_s(_size(batch)) <= INLINE_S:
            began_at = time.perf_counter()
            prepared = list(_prepared(batch, INLINE_S))
            self._learn(_size(batch[: len(prepared)]), time.perf_counter() - began_at)
            self._put_back(batch[len(prepared) :])
            self._deliver(self._compute(prepared))
        else:
            self._n_running += 1
            run = asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: self._compute(list(_prepared(batch)))
            )
            run.add_done_callback(lambda done: self._after_run(batch, done))
        if self._waiting:
            self._plan()

    def _next_batch(self) -> list[_Part]:
        """What goes together; who has left is passed over."""
        most = self._most_pictures()
        batch: list[_Part] = []
        n_pictures = 0
        while self._waiting:
            part = self._waiting[0]
            if not part.answer.done():
                if batch and n_pictures + part.n_pictures > most:
                    break
                batch.append(part)
                n_pictures += part.n_pictures
            self._waiting.popleft()
            self._n_waiting -= part.n_pictures
        return batch

    def _learn(self, n_pictures: int, seconds: float) -> None:
        """What preparing a picture takes at most: large ones count at once, and are forgotten slowly."""
        self._preparing_s = max(seconds / n_pictures, _KEPT_OF_PREPARING * self._preparing_s)

    def _put_back(self, parts: list[_Part]) -> None:
        """Let the next batch begin with these, after a turn for everybody else."""
        self._waiting.extendleft(reversed(parts))
        self._n_waiting += _size(parts)

    def _compute(self, prepared: list[tuple[_Part, Pixels | Exception]]) -> _Run:
        began_at = time.perf_counter()
        ready = [(part, pixels) for part, pixels in prepared if not isinstance(pixels, Exception)]
        failed = [(part, error) for part, error in prepared if isinstance(error, Exception)]
        found = _result_of(lambda: self._network.run(_joined([pixels for _, pixels in ready]))) if ready else None
        return _Run([part for part, _ in ready], found, failed, began_at, time.perf_counter())

    def _after_run(self, batch: list[_Part], done: asyncio.Future[_Run]) -> None:
        self._n_running -= 1
        if done.cancelled():  # the process ends
            for part in batch:
                part.answer.cancel()
            return
        self._deliver(done.result())
        if self._waiting:
            self._plan()

    def _deliver(self, run: _Run) -> None:
        for part, error in run.failed:
            _fail(part, error)
        if run.found is None:
            return
        if isinstance(run.found, Exception):
            for part in run.parts:
                _fail(part, run.found)
            return
        compute_s = run.ended_at - run.began_at
        self._on_batch(len(run.found), run.began_at - run.parts[0].asked_at, compute_s)
        at = 0
        for part in run.parts:
            end = at + part.n_pictures
            if not part.answer.done():
                part.answer.set_result(Answer(run.found[at:end], run.began_at - part.asked_at, compute_s))
            at = end


def _size(batch: list[_Part]) -> int:
    return sum(part.n_pictures for part in batch)


def _prepared(batch: list[_Part], limit_s: float = math.inf) -> Iterator[tuple[_Part, Pixels | Exception]]:
    """Parts with their pixels, at least one, until that took so long: how long one takes, only doing it tells."""
    began_at = time.perf_counter()
    for part in batch:
        yield part, _result_of(part.pixels)
        if time.perf_counter() - began_at > limit_s:
            return


def _fail(part: _Part, error: Exception) -> None:
    if not part.answer.done():
        part.answer.set_exception(error)


async def _whole(parts: Sequence[asyncio.Future[Answer]]) -> Answer:
    try:
        answers = await asyncio.gather(*parts)
    finally:
        for part in parts:
            part.cancel()  # when one has failed, nobody waits for the others
    return Answer(
        np.concatenate([answer.probabilities for answer in answers]),
        answers[0].queue_s,
        sum(answer.compute_s for answer in answers),
    )


def _result_of(work: Callable[[], T]) -> T | Exception:
    """What the work comes to; an error is the answer to whoever asked, here as everywhere."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - handed on to everybody it concerns
        return error


def _joined(pixels: list[Pixels]) -> Pixels:
    """All pictures in one array; of mixed types, float32."""
    if len(pixels) == 1:
        return pixels[0]
    if len({part.dtype for part in pixels}) > 1:
        return np.concatenate([scaled(part) for part in pixels])
    return cast(Pixels, np.concatenate(pixels))
