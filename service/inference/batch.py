"""One batch: the pictures of several callers in one run of the network, and each caller's share of what came out.

A failure has one way to travel: it is raised. A part that cannot be prepared keeps its error until the event loop's
thread hands it to the caller; an error of the network is raised by `Batch.run` and handed to everybody.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from service.inference.network import Network, Pixels, scaled


class Answer(NamedTuple):
    """What a batch says about the pictures of one caller.

    Attributes:
        probabilities: float32, shape (n, n_classes).
        queue_s: seconds from asking to the start of the run.
        compute_s: seconds of the run.
        unusual: bool, shape (n,), which pictures are unlike the training pictures; None when none is, as a rule.
    """

    probabilities: NDArray[np.float32]
    queue_s: float
    compute_s: float
    unusual: NDArray[np.bool_] | None = None


class Run(NamedTuple):
    """One run of the network.

    Attributes:
        probabilities: float32, shape (n, n_classes), of all parts that could be prepared.
        began_at: by `time.perf_counter`, as `ended_at`.
        scores: how unusual each picture is; none when the network cannot tell.
        unusual: bool, shape (n,), which pictures are; None when none is.
    """

    probabilities: NDArray[np.float32]
    began_at: float
    ended_at: float
    scores: Sequence[float] = ()
    unusual: NDArray[np.bool_] | None = None

    @property
    def compute_s(self) -> float:
        """Seconds that the network took."""
        return self.ended_at - self.began_at


@dataclass(slots=True, eq=False)
class Part:
    """The pictures of one caller that go into one batch.

    Attributes:
        n_pictures: at least one.
        make_pixels: decodes them.
        answer: for the caller; done when the caller has left.
        asked_at: by `time.perf_counter`.
        is_scored: whether the caller wants to know which pictures are unusual. Callers with tensors cannot be told.
        pixels: once they are made.
        error: why they could not be made.
    """

    n_pictures: int
    make_pixels: Callable[[], Pixels]
    answer: asyncio.Future[Answer]
    asked_at: float
    is_scored: bool = True
    pixels: Pixels | None = None
    error: Exception | None = None

    def prepare(self) -> None:
        """Make the pixels, in any thread."""
        try:
            self.pixels = self.make_pixels()
        except Exception as error:  # noqa: BLE001 - the caller's own, whatever it is
            self.error = error.with_traceback(None)  # its frames would keep the body in memory


class Batch:
    """Parts on their way through the network."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    def prepare(self, limit_s: float = math.inf) -> list[Part]:
        """Make the pixels of one part after the other, at least of one, until that took `limit_s` seconds.

        Returns:
            The parts that are left, which are no longer in this batch.
        """
        began_at = time.perf_counter()
        for n_prepared, part in enumerate(self.parts, 1):
            part.prepare()
            if time.perf_counter() - began_at > limit_s:
                left = self.parts[n_prepared:]
                del self.parts[n_prepared:]
                return left
        return []

    def run(self, network: Network) -> Run | None:
        """Classify what was prepared; None when no part could be. Raises `ArtifactCorrupt`."""
        ready = [part.pixels for part in self.parts if part.pixels is not None]
        if not ready:
            return None
        began_at = time.perf_counter()
        if not network.usual_scores or not any(part.is_scored for part in self.parts):
            return Run(network.run(_joined(ready)), began_at, time.perf_counter())
        probabilities, scores = network.run_scored(_joined(ready))
        ended_at = time.perf_counter()
        if scores is None:
            return Run(probabilities, began_at, ended_at)
        numbers: list[float] = scores.tolist()
        return Run(probabilities, began_at, ended_at, numbers, scores > 1 if max(numbers) > 1 else None)

    def deliver(self, run: Run | None) -> None:
        """Give every caller its share, or the error of its own pictures; on the event loop's thread."""
        at = 0
        unusual = None if run is None else run.unusual
        for part in self.parts:
            if part.error is not None:
                _fail(part, part.error)
            elif run is not None:
                end = at + part.n_pictures
                if not part.answer.done():
                    own = None if unusual is None else unusual[at:end]
                    answer = Answer(run.probabilities[at:end], run.began_at - part.asked_at, run.compute_s, own)
                    part.answer.set_result(answer)
                at = end

    def fail(self, error: Exception) -> None:
        """Tell every caller that the network failed, unless its own pictures did; on the event loop's thread."""
        for part in self.parts:
            _fail(part, part.error or error)

    def cancel(self) -> None:
        """Tell every caller that there will be no answer, because the process ends."""
        for part in self.parts:
            part.answer.cancel()


def size_of(parts: list[Part]) -> int:
    """How many pictures they have together."""
    return sum(part.n_pictures for part in parts)


def _fail(part: Part, error: Exception) -> None:
    if not part.answer.done():
        part.answer.set_exception(error)


def _joined(pixels: list[Pixels]) -> Pixels:
    """All pictures in one array; of mixed types, float32."""
    if len(pixels) == 1:
        return pixels[0]
    if len({part.dtype for part in pixels}) > 1:
        return np.concatenate([scaled(part) for part in pixels])
    return cast(Pixels, np.concatenate(pixels))
