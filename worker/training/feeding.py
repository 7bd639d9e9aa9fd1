"""An endless stream of training batches: shuffled, augmented, scaled, and prepared in advance by a thread.

The batch of step k in epoch e depends only on the seed, e and k, so a training can resume at any step as if it had
never stopped. Pictures stay uint8 until they are needed. Only `batches` depends on Keras.
"""

import itertools
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from worker.datasets.dataset import LabelledImages
from worker.pictures.pixels import to_unit_range
from worker.training.augmentation import Augmenter

CHUNK_BYTES = 16 * 2**20  # of float32 pictures; so large that Python's overhead is small
CHUNKS_AHEAD = 2

Arrays = tuple[NDArray[np.float32], ...]


class EpochData(Protocol):
    """The training data of every epoch: pictures, or their features."""

    batch_size: int

    def __len__(self) -> int: ...

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches per epoch; the last batch may be smaller."""

    @property
    def row_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of one input, one target and, if there are weights, one weight."""

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        """One epoch in chunks of complete batches, without the first steps."""


class TrainingData:
    """The training data of every epoch.

    Args:
        pictures: the training split.
        targets: float32, shape (n_classes, n_classes), the target of each label, smoothed or not.
        weights: float32, shape (n_classes,), the loss weight of each label; None when all are equal.
        augmenter: changes the pictures; None leaves them unchanged.
        batch_size: pictures per batch.
        seed: seed of all random choices.
    """

    def __init__(
        self,
        pictures: LabelledImages,
        targets: NDArray[np.float32],
        weights: NDArray[np.float32] | None,
        augmenter: Augmenter | None,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        self._pictures = pictures
        self._targets = targets
        self._weights = weights
        self._augmenter = augmenter
        self._seed = seed
        self.batch_size = batch_size
        self._flipped_first: NDArray[np.bool_] | None = None
        self._chunk_size = chunk_size(pictures.images.shape[1:], batch_size)

    def __len__(self) -> int:
        return len(self._pictures.images)

    @property
    def images(self) -> NDArray[np.uint8]:
        """The pictures as they are, uint8, shape (n, height, width, channels)."""
        return self._pictures.images

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches per epoch; the last batch may be smaller."""
        return math.ceil(len(self) / self.batch_size)

    @property
    def row_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of one picture, one target and, if there are weights, one weight."""
        shapes = (self._pictures.images.shape[1:], self._targets.shape[1:])
        return shapes if self._weights is None else (*shapes, ())

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        """One epoch in chunks of complete batches: inputs, targets and, if there are any, weights.

        Args:
            number: number of the epoch, from 0.
            first_step: number of batches to skip at the beginning.
        """
        order = np.random.default_rng((self._seed, number)).permutation(len(self))
        first_row = first_step * self.batch_size
        for start in range(0, len(order), self._chunk_size):
            rows = order[start : start + self._chunk_size]
            if first_row < start + len(rows):
                # Every chunk has its own generator, so skipped chunks need not be computed.
                chunk = self._chunk(rows, number, np.random.default_rng((self._seed, number, start)))
                yield tuple(array[max(0, first_row - start) :] for array in chunk)

    def _chunk(self, rows: NDArray[np.int64], epoch: int, random: np.random.Generator) -> Arrays:
        images, labels = self._pictures.images[rows], self._pictures.labels[rows]
        if self._augmenter is None:
            inputs = to_unit_range(images)
        else:
            inputs = to_unit_range(self._augmenter.change_geometry(images, random, self._flipped(rows, epoch)))
            self._augmenter.change_light(inputs, random)
        arrays = (inputs, self._targets[labels])
        return arrays if self._weights is None else (*arrays, self._weights[labels])

    def _flipped(self, rows: NDArray[np.int64], epoch: int) -> NDArray[np.bool_] | None:
        """Which of these pictures an epoch flips; None leaves it to chance."""
        if self._augmenter is None or not self._augmenter.alternates:
            return None
        if self._flipped_first is None:
            self._flipped_first = np.random.default_rng(self._seed).random(len(self)) < 0.5
        return self._flipped_first[rows] ^ bool(epoch % 2)


class Feed:
    """Yields a training's chunks in order while a thread prepares the next ones. Close it when done.

    Args:
        data: the training data.
        epoch: the first epoch, from 0.
        step: number of batches of that epoch to skip.
        before: called by the thread before it prepares the first chunk.
        clock: returns seconds from an arbitrary start.
    """

    def __init__(
        self,
        data: EpochData,
        epoch: int = 0,
        step: int = 0,
        clock: Callable[[], float] = time.monotonic,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._data = data
        self._epoch = epoch
        self._step = step
        self._clock = clock
        self._before = before
        self._chunks: queue.Queue[Arrays | BaseException | None] = queue.Queue(CHUNKS_AHEAD)
        self._closed = threading.Event()
        self.waited_s = 0.0
        """Seconds that training waited for data."""
        self._thread = threading.Thread(target=self._prepare, name="feed", daemon=True)
        self._thread.start()

    def chunks(self) -> Iterator[Arrays]:
        """Chunks without end, until the feed is closed."""
        while True:
            began = self._clock()
            chunk = self._chunks.get()
            self.waited_s += self._clock() - began
            if chunk is None:
                return
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    def batches(self) -> Any:
        """The stream in the form that Keras's `fit` takes, one batch per step.

        With TensorFlow, TensorFlow itself cuts the chunks into batches, so that no step needs Python.
        """
        import keras  # noqa: PLC0415 - the rest of this module is used and tested without it

        if keras.backend.backend() == "tensorflow":
            return _tensorflow_batches(self.chunks, self._data.batch_size, self._data.row_shapes)
        return _sliced(self.chunks(), self._data.batch_size)

    def close(self) -> None:
        """Stop the thread, and end `chunks`."""
        self._closed.set()
        while self._thread.is_alive():
            self._empty()
            self._thread.join(0.01)
        self._empty()
        # A thread of TensorFlow may still be waiting for a chunk and must not wait for ever.
        self._chunks.put_nowait(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _empty(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._chunks.get_nowait()

    def _prepare(self) -> None:
        try:
            self._before()
            step = self._step
            for epoch in itertools.count(self._epoch):
                for chunk in self._data.epoch(epoch, step):
                    if self._closed.is_set():
                        return
                    self._chunks.put(chunk)
                step = 0
        except BaseException as error:  # noqa: BLE001 - raised again in `chunks`
            self._chunks.put(error)


def chunk_size(image_shape: tuple[int, ...], batch_size: int, chunk_bytes: int = CHUNK_BYTES) -> int:
    """Number of float32 pictures per chunk: as many complete batches as `chunk_bytes` hold, at least one."""
    batch_bytes = batch_size * math.prod(image_shape) * np.dtype(np.float32).itemsize
    return batch_size * max(1, chunk_bytes // batch_bytes)


def _sliced(chunks: Iterator[Arrays], batch_size: int) -> Iterator[Arrays]:
    for chunk in chunks:
        for start in range(0, len(chunk[0]), batch_size):
            yield tuple(array[start : start + batch_size] for array in chunk)


def _tensorflow_batches(
    chunks: Callable[[], Iterator[Arrays]], batch_size: int, row_shapes: tuple[tuple[int, ...], ...]
) -> Any:
    import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

    signature = tuple(tf.TensorSpec((None, *shape), tf.float32) for shape in row_shapes)

    as_it_is = tf.autograph.experimental.do_not_convert  # translating the functions would take 50 ms

    def cut(*arrays: Any) -> Any:
        size = tf.shape(arrays[0], out_type=tf.int64)[0]
        starts = tf.data.Dataset.range(0, size, batch_size)
        return starts.map(as_it_is(lambda start: tuple(array[start : start + batch_size] for array in arrays)))

    return tf.data.Dataset.from_generator(chunks, output_signature=signature).flat_map(as_it_is(cut))
