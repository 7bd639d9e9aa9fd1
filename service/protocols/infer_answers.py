"""Writes inference answers of the Open Inference Protocol: JSON, binary tensors, or the names of classes.

Pure functions: a checked call and probabilities in, bytes and headers out.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.errors import CallRejected
from service.protocols.coverage import SET
from service.protocols.infer_calls import LENGTH_HEADER, InferCall, OutputWish
from worker.artifacts import OUTPUT_TENSOR


@dataclass(frozen=True)
class InferAnswer:
    """A whole response, before compression."""

    content: bytes
    media_type: str
    headers: dict[str, str]


def write_infer_answer(
    call: InferCall, manifest: Manifest, probabilities: NDArray[np.float32], sets: NDArray[np.bool_] | None = None
) -> InferAnswer:
    """Write the response.

    Args:
        call: the request.
        manifest: of the version that answers.
        probabilities: float32, shape (n, n_classes).
        sets: shape (n, n_classes), which classes are in each picture's set; None for an answer without sets.

    Raises:
        CallRejected: the network gives no finite numbers for these pixels.
    """
    if not np.isfinite(probabilities).all():
        raise CallRejected("the network gives no probabilities for these pixels; expected finite values from 0 to 1")
    written = [_output(wish, probabilities, manifest.classes) for wish in call.outputs]
    if sets is not None:
        written.append(_set_output(call, sets))
    head: dict[str, Any] = {"model_name": manifest.model, "model_version": str(manifest.version)}
    if call.id is not None:
        head["id"] = call.id
    text = json.dumps({**head, "outputs": [output for output, _ in written]}).encode()
    if not any(wish.is_binary for wish in call.outputs):
        return InferAnswer(text, "application/json", {})
    content = b"".join([text, *(tail for _, tail in written)])
    return InferAnswer(content, "application/octet-stream", {LENGTH_HEADER: str(len(text))})


def classification(probabilities: NDArray[np.float32], classes: Sequence[str], n_classes: int) -> list[list[str]]:
    """The most probable classes of each picture, best first, as `score:index:label`."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :n_classes]
    return [
        [f"{row[index]:.6f}:{index}:{classes[index]}" for index in order.tolist()]
        for row, order in zip(probabilities, best, strict=True)
    ]


def _output(
    wish: OutputWish, probabilities: NDArray[np.float32], classes: Sequence[str]
) -> tuple[dict[str, Any], bytes]:
    """An output's JSON, and the bytes that follow it."""
    if wish.n_classes:
        rows = classification(probabilities, classes, wish.n_classes)
        shape = [len(rows), min(wish.n_classes, len(classes))]
        words = [word for row in rows for word in row]
        described: dict[str, Any] = {"name": OUTPUT_TENSOR, "datatype": "BYTES", "shape": shape}
        return _placed(described, wish, words, b"".join(map(_length_prefixed, words)))
    described = {"name": OUTPUT_TENSOR, "datatype": "FP32", "shape": list(probabilities.shape)}
    if wish.is_binary:
        return _placed(described, wish, [], probabilities.astype("<f4", copy=False).tobytes())
    return _placed(described, wish, probabilities.ravel().tolist(), b"")


def _set_output(call: InferCall, sets: NDArray[np.bool_]) -> tuple[dict[str, Any], bytes]:
    """A tensor in the order of the probabilities; in bytes when the other outputs are."""
    described: dict[str, Any] = {"name": SET, "datatype": "BOOL", "shape": list(sets.shape)}
    wish = OutputWish(is_binary=all(wish.is_binary for wish in call.outputs))
    return _placed(described, wish, [] if wish.is_binary else sets.ravel().tolist(), sets.tobytes())


def _placed(described: dict[str, Any], wish: OutputWish, data: list[Any], raw: bytes) -> tuple[dict[str, Any], bytes]:
    if wish.is_binary:
        return {**described, "parameters": {"binary_data_size": len(raw)}}, raw
    return {**described, "data": data}, b""


def _length_prefixed(word: str) -> bytes:
    encoded = word.encode()
    return struct.pack("<I", len(encoded)) + encoded
