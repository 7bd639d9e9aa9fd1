"""The queue before one network: pictures that wait go into one run together, and no wait is longer than allowed.

There is no fixed delay: whatever arrives while the last batch runs goes into the next one together. A queue belongs to
one version, so a batch never mixes two. Its length is bounded; a caller that finds it full is told when to come back.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from service.errors import Overloaded
from service.inference.batch import Answer, Batch, Part, Run, size_of
from service.inference.network import Network, Pixels

INLINE_S = 0.002
"""A batch expected to take no longer runs on the event loop: handing it to a thread and back cost 50 µs here, as
much as a picture of a small network, and Python's own lock lets the loop do little meanwhile. Preparing its pictures
may take as long once more; pictures that are not prepared by then go into the next batch."""
GATHERING_TURNS = 3
"""Turns of the event loop, at most, in which requests that have arrived are read before a batch begins. This is no
delay: the work is due anyway. With 8 connections batches grew from 4.2 pictures to 8."""
LONGEST_BATCH_S = 0.05
"""A batch grows until it is expected to take this long: longer batches do not make a large network faster, and need
memory."""
_KEPT_OF_PREPARING = 0.9


@dataclass(frozen=True)
class BatchRules:
    """How batches are made.

    Attributes:
        max_pictures: most pictures in one run.
        max_delay_s: how long a picture may wait for others although nothing runs.
        queue_pictures: most pictures that wait; an empty queue takes any number.
        queue_s: longest expected wait, in seconds, of a caller that is let in.
    """

    max_pictures: int = 32
    max_delay_s: float = 0.0
    queue_pictures: int = 1024
    queue_s: float = 5.0


OnBatch = Callable[[Run, float], None]
"""Called after every run with the run, and the seconds that its first picture waited."""


class BatchQueue:
    """The queue before one network. It belongs to one event loop, like everything that waits in it."""

    def __init__(
        self, network: Network, rules: BatchRules, threads: Executor, runs_at_once: int, on_batch: OnBatch
    ) -> None:
        """Make an empty queue.

        Args:
            network: classifies the batches.
            rules: how batches are made.
            threads: where long batches run.
            runs_at_once: how many of them run at the same time.
            on_batch: called after every run.
        """
        self._network = network
        self._rules = rules
        self._threads = threads
        self._runs_at_once = runs_at_once
        self._on_batch = on_batch
        self._waiting: deque[Part] = deque()
        self._n_waiting = 0
        self._n_running = 0
        self._next: asyncio.Handle | None = None  # the next batch, once it is scheduled
        self._preparing_s = 0.0  # of one picture
        self._is_delayed = False  # whether it waits for more pictures; uvloop's handles do not tell

    @property
    def network(self) -> Network:
        """The network that it is before."""
        return self._network

    def is_quick(self, n_pictures: int) -> bool:
        """Whether so many pictures are answered before a client could leave: on the event loop, batch by batch."""
        batch = min(self._n_waiting + n_pictures, self._most_pictures())
        return not self._n_running and self._network.expected_s(batch) <= INLINE_S

    async def ask(self, pixels: Pixels, *, is_scored: bool = True) -> Answer:
        """Classify pictures, together with others that wait; many pictures are divided into parts.

        A caller that is cancelled while it waits leaves the queue.

        Args:
            pixels: as for `Network.run`; at least one picture.
            is_scored: whether to say which pictures are unusual; it takes a tenth of the time of a small network.

        Raises:
            Overloaded: too many wait already.
            ArtifactCorrupt: the network is damaged.
        """
        return await self.ask_prepared(len(pixels), lambda start, end: pixels[start:end], is_scored=is_scored)

    def ask_prepared(
        self, n_pictures: int, pixels: Callable[[int, int], Pixels], *, is_scored: bool = True
    ) -> asyncio.Future[Answer]:
        """Classify pictures that are decoded when their batch begins. Like `ask`, but joins the queue at once.

        The pictures of a batch are then decoded in a row, which is faster than one at a time between other work: the
        processor's caches still hold the decoder (decoding 2 kB of PNG: 44 µs in a row, 75 µs after a run of the
        network).

        Args:
            n_pictures: at least one.
            pixels: decodes the pictures from one position up to another, quickly. An error that it raises becomes
                the answer to this caller only.
            is_scored: as for `ask`.
        """
        self._refuse_overload(n_pictures)
        most = self._most_in_a_part()
        if n_pictures <= most:
            return self._enqueue(n_pictures, lambda: pixels(0, n_pictures), is_scored)
        bounds = [(start, min(start + most, n_pictures)) for start in range(0, n_pictures, most)]
        return asyncio.ensure_future(
            _whole([self._enqueue(end - start, partial(pixels, start, end), is_scored) for start, end in bounds])
        )

    def _refuse_overload(self, n_pictures: int) -> None:
        if not self._n_waiting:
            return  # an empty queue takes any number of pictures
        waits_s = self._n_waiting * self._network.picture_s / self._runs_at_once
        if self._n_waiting + n_pictures > self._rules.queue_pictures or waits_s > self._rules.queue_s:
            raise Overloaded(max(1, math.ceil(waits_s)))

    def _most_in_a_part(self) -> int:
        """As many as go into a batch, or fewer if preparing them takes long: other work runs between two parts."""
        return max(1, min(self._most_pictures(), int(INLINE_S / max(self._preparing_s, 1e-6))))

    def _most_pictures(self) -> int:
        return min(self._rules.max_pictures, self._network.pictures_within(LONGEST_BATCH_S))

    def _enqueue(self, n_pictures: int, pixels: Callable[[], Pixels], is_scored: bool) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        part = Part(n_pictures, pixels, answer, time.perf_counter(), is_scored)
        self._waiting.append(part)
        self._n_waiting += n_pictures
        self._plan(self._rules.max_delay_s)
        return part.answer

    def _plan(self, delay_s: float = 0.0) -> None:
        """Schedule the next batch, unless it is scheduled already."""
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
                # Never at once: other requests that have been read already join first.
                self._next = loop.call_soon(self._gather, n_seen, GATHERING_TURNS)

    def _gather(self, n_seen: int, n_turns: int) -> None:
        """Give the event loop another turn while each turn brings more pictures, then begin."""
        if n_seen < self._n_waiting < self._rules.max_pictures and n_turns:
            self._next = asyncio.get_running_loop().call_soon(self._gather, self._n_waiting, n_turns - 1)
        else:
            self._begin()

    def _begin(self) -> None:
        self._next = None
        batch = self._next_batch()
        if not batch.parts:
            return
        if self._network.expected_s(size_of(batch.parts)) <= INLINE_S:
            self._prepare_now(batch)
            self._settle(batch, lambda: batch.run(self._network))
        else:
            self._n_running += 1
            run = asyncio.get_running_loop().run_in_executor(self._threads, self._run_in_thread, batch)
            run.add_done_callback(lambda done: self._after_run(batch, done))
        if self._waiting:
            self._plan()

    def _prepare_now(self, batch: Batch) -> None:
        """Prepare as much as may take place on the event loop, and put the rest back."""
        began_at = time.perf_counter()
        left = batch.prepare(INLINE_S)
        self._learn(size_of(batch.parts), time.perf_counter() - began_at)
        self._put_back(left)

    def _run_in_thread(self, batch: Batch) -> Run | None:
        batch.prepare()
        return batch.run(self._network)

    def _next_batch(self) -> Batch:
        """The parts that go together, without those whose caller has left."""
        most = self._most_pictures()
        batch: list[Part] = []
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
        return Batch(batch)

    def _learn(self, n_pictures: int, seconds: float) -> None:
        """Update the seconds that preparing a picture takes: slow ones count at once and are forgotten slowly."""
        self._preparing_s = max(seconds / n_pictures, _KEPT_OF_PREPARING * self._preparing_s)

    def _put_back(self, parts: list[Part]) -> None:
        """Let the next batch begin with these, after a turn of the event loop for other work."""
        self._waiting.extendleft(reversed(parts))
        self._n_waiting += size_of(parts)

    def _after_run(self, batch: Batch, done: asyncio.Future[Run | None]) -> None:
        self._n_running -= 1
        if done.cancelled():  # the process ends
            batch.cancel()
            return
        self._settle(batch, done.result)
        if self._waiting:
            self._plan()

    def _settle(self, batch: Batch, run: Callable[[], Run | None]) -> None:
        """Answer all callers of a batch with what the run returns or raises."""
        try:
            done = run()
        except Exception as error:  # noqa: BLE001 - handed to every caller
            batch.fail(error)
            return
        if done is not None:
            first = next(part for part in batch.parts if part.error is None)
            self._on_batch(done, done.began_at - first.asked_at)
        batch.deliver(done)


async def _whole(parts: Sequence[asyncio.Future[Answer]]) -> Answer:
    try:
        answers = await asyncio.gather(*parts)
    finally:
        for part in parts:
            part.cancel()  # when one has failed, the others are not needed
    return Answer(
        np.concatenate([answer.probabilities for answer in answers]),
        answers[0].queue_s,
        sum(answer.compute_s for answer in answers),
        _joined_unusual(answers),
    )


def _joined_unusual(answers: Sequence[Answer]) -> NDArray[np.bool_] | None:
    if all(answer.unusual is None for answer in answers):
        return None
    return np.concatenate(
        [np.zeros(len(answer.probabilities), bool) if answer.unusual is None else answer.unusual for answer in answers]
    )
