"""Tries an ONNX graph out: what it answers with, how many pictures at once, and what that costs."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.imports.errors import ImportRefused, short
from worker.imports.limits import PROBE_ACTIVATION_BYTES, PROBE_LOAD_BYTES, PROBE_SECONDS
from worker.imports.peak_memory import peak_memory_bytes
from worker.onnx_sessions import open_session

TRIED = 8
"""Pictures at once; the API tries as many when it opens a network."""
SEED = 0


@dataclass(frozen=True)
class Trial:
    """How a graph did.

    Attributes:
        answers: float32, shape (TRIED, values), one row for each picture.
        seconds: CPU time of one picture.
        difference: largest one between pictures that come together and one by one.
    """

    answers: NDArray[np.float32]
    seconds: float
    difference: float


def pictures_of(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Random pictures, float32 in [0, 1], shape (TRIED, *shape)."""
    return np.random.default_rng(SEED).random((TRIED, *shape), np.float32)


def try_out(model: bytes, shape: tuple[int, int, int]) -> Trial:
    """Run a graph with the input `images` and the output `probabilities`.

    Raises:
        ImportRefused: it cannot be opened or run, or needs more time or memory than a network may.
    """
    before = peak_memory_bytes()
    session = _open(model)
    opened = peak_memory_bytes()
    if opened - before > PROBE_LOAD_BYTES + 4 * len(model):
        raise ImportRefused(
            f"The model takes {opened - before:,} bytes of memory to be opened, far more than its size."
        )
    pictures = pictures_of(shape)
    began = time.process_time()
    first = run(session, pictures[:1])
    seconds = time.process_time() - began
    if seconds > PROBE_SECONDS:
        raise ImportRefused(f"One picture takes {seconds:.1f} s of CPU time; expected at most {PROBE_SECONDS:g} s.")
    together = run(session, pictures)
    grown = peak_memory_bytes() - opened
    if grown > PROBE_ACTIVATION_BYTES:
        raise ImportRefused(
            f"{TRIED} pictures take {grown:,} bytes of memory; expected at most {PROBE_ACTIVATION_BYTES:,}."
        )
    last = run(session, pictures[-1:])
    if len(first) != 1 or len(together) != TRIED or first.shape[1:] != together.shape[1:]:
        raise ImportRefused(
            f"The model answers {TRIED} pictures with an output of the shape {together.shape}; expected one row each."
        )
    difference = max(float(np.abs(first[0] - together[0]).max()), float(np.abs(last[0] - together[-1]).max()))
    return Trial(together, seconds, difference)


def run(session: Any, pictures: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ANN401 - no types published
    """The answers. Raises `ImportRefused` when the graph does not run, or gives no finite numbers."""
    try:
        found: NDArray[np.float32] = session.run([OUTPUT_TENSOR], {INPUT_TENSOR: pictures})[0]
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise ImportRefused(f"The model does not run: {short(str(error), 200)}.") from error
    if found.ndim != 2 or not np.isfinite(found).all():
        raise ImportRefused(f"The model gives no finite numbers for random pictures, or other axes: {found.shape}.")
    return found


def _open(model: bytes) -> Any:  # noqa: ANN401
    try:
        return open_session(model, threads=1)
    except Exception as error:
        raise ImportRefused(f"The model cannot be opened: {short(str(error), 200)}.") from error
