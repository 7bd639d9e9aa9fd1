"""The process that reads and classifies the pictures of a job: an order in, one message for each picture out.

It has neither credentials nor the store. The kernel bounds its memory, since the pictures may be hostile, and it ends
when its standard input is closed: with the trainer that started it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.datasets.upload.budgets import limit_memory
from worker.datasets.upload.closed_input import end_with_input
from worker.datasets.upload.errors import ArchiveRejected
from worker.onnx_sessions import open_session
from worker.pictures.pixels import to_unit_range
from worker.predictions.options import ReaderOrder
from worker.predictions.pictures import Read, open_pictures
from worker.predictions.rows import Answered, Counted, Guess, Refused, Row

BATCH = 32
BATCH_VALUES = 32 * 224 * 224 * 3
"""Pixel values of a batch; of large pictures there are fewer in it."""
RUNTIME_BYTES = 2 * 2**30
"""Address space of ONNX Runtime and its threads, beside what a conversion may use."""
NETWORK_FACTOR = 4

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def classify(order: ReaderOrder, network: Network, send: Callable[[Row | Counted], None]) -> None:
    """Send how many pictures there are, then a row for each. Raises `ArchiveRejected`."""
    with ExitStack() as opened:
        pictures = open_pictures(order, opened)
        send(Counted(total=pictures.total, left_out=pictures.left_out))
        values = int(np.prod(order.input_shape))
        n = 1 if order.one_by_one else max(1, min(BATCH, BATCH_VALUES // values))
        rest = pictures.read(order.start)
        while batch := list(islice(rest, n)):
            for row in _rows(batch, order, network):
                send(row)


def _rows(batch: list[Read], order: ReaderOrder, network: Network) -> Iterator[Row]:
    pixels = [read.pixels for read in batch if read.pixels is not None]
    answers = iter(network(to_unit_range(np.stack(pixels))) if pixels else ())
    for read in batch:
        if read.failed is not None:
            yield read.failed
            continue
        found: NDArray[np.float32] = next(answers)
        best = np.argsort(-found, kind="stable")[: order.top_k]
        guesses = [Guess(label=order.classes[index], score=float(found[index])) for index in best]
        yield Answered(name=read.name, top_k=guesses)


def open_network(path: Path, threads: int) -> Network:
    """A version's network as a function of float32 pictures in [0, 1]."""
    session = open_session(path.read_bytes(), threads)

    def answer(images: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([OUTPUT_TENSOR], {INPUT_TENSOR: images})[0]
        return found

    return answer


def main() -> None:
    """Entry point: an order on standard input, messages on standard output."""
    order = ReaderOrder.model_validate_json(sys.stdin.buffer.readline())
    end_with_input()
    os.nice(order.niceness)
    network_bytes = Path(order.network).stat().st_size
    limit_memory(order.order.limits.max_memory_bytes + RUNTIME_BYTES + NETWORK_FACTOR * network_bytes)

    def send(message: Row | Counted | Refused) -> None:
        sys.stdout.buffer.write(message.model_dump_json().encode() + b"\n")
        sys.stdout.buffer.flush()

    try:
        classify(order, open_network(Path(order.network), order.threads), send)
    except ArchiveRejected as error:
        send(Refused(message=error.message, hint=error.hint))
    except MemoryError:
        send(Refused(message="The pictures need more memory than they may use.", hint="Send fewer or smaller ones."))


if __name__ == "__main__":
    main()
