import threading
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from worker.datasets.dataset import LabelledImages
from worker.training.feeding import Arrays, Feed, TrainingData

PAUSE_S = 0.05


class SlowData(TrainingData):
    """Takes its time for every chunk."""

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        for chunk in super().epoch(number, first_step):
            time.sleep(PAUSE_S)
            yield chunk


class BrokenData(TrainingData):
    """Has nothing to give."""

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        raise OSError("the disk is gone")


def made(kind: type[TrainingData]) -> TrainingData:
    pictures = LabelledImages(np.zeros((8, 4, 4, 1), np.uint8), np.zeros(8, np.int64))
    return kind(pictures, np.eye(2, dtype=np.float32), None, None, batch_size=8, seed=1)


def test_waiting_for_slow_data_is_counted_and_nothing_else_is() -> None:
    began = time.monotonic()
    with Feed(made(SlowData)) as feed:
        for _ in islice(feed.chunks(), 4):
            pass
        assert 3 * PAUSE_S < feed.waited_s < time.monotonic() - began
        waited_s = feed.waited_s
        time.sleep(4 * PAUSE_S)  # the network's own time
        next(feed.chunks())
        assert feed.waited_s < waited_s + 2 * PAUSE_S


def test_what_breaks_while_data_is_prepared_is_raised_where_it_is_waited_for() -> None:
    with Feed(made(BrokenData)) as feed, pytest.raises(OSError, match="the disk is gone"):
        next(feed.chunks())


def test_closing_a_full_feed_ends_whoever_waits_for_it() -> None:
    feed = Feed(made(TrainingData))
    chunks = feed.chunks()
    next(chunks)  # the thread now fills the queue, and waits for room

    def close_and_wait() -> None:
        feed.close()
        list(chunks)

    waiting = threading.Thread(target=close_and_wait, daemon=True)
    waiting.start()
    waiting.join(5)
    assert not waiting.is_alive()
