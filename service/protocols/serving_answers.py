"""Describes models as TensorFlow Serving does: the status of versions, and signatures. Pure functions.

Its JSON is derived from protocol buffers, hence the numbers as strings and the nested `signature_def`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.models.index import ModelEntry
from service.protocols.coverage import SET
from service.protocols.serving_calls import COLUMNS, SIGNATURE
from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR

_OK = {"error_code": "OK", "error_message": ""}


def status_answer(entry: ModelEntry, numbers: Iterable[int], *, is_unloaded: bool) -> dict[str, Any]:
    """Whether versions can answer.

    Args:
        entry: their model.
        numbers: versions of it, sound or damaged.
        is_unloaded: whether the model was unloaded on request.
    """
    return {"model_version_status": [_version_status(entry, number, is_unloaded) for number in numbers]}


def metadata_answer(manifest: Manifest) -> dict[str, Any]:
    """The one signature of a version."""
    signature = {
        "inputs": {INPUT_TENSOR: _tensor_info(f"{SIGNATURE}_{INPUT_TENSOR}:0", (-1, *manifest.input_shape))},
        "outputs": {OUTPUT_TENSOR: _tensor_info("StatefulPartitionedCall:0", (-1, len(manifest.classes)))},
        "method_name": "tensorflow/serving/predict",
        "defaults": {},
    }
    return {
        "model_spec": {"name": manifest.model, "signature_name": "", "version": str(manifest.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def predict_answer(
    key: str, classes: Sequence[str], probabilities: NDArray[np.float32], sets: NDArray[np.bool_] | None
) -> dict[str, Any]:
    """Probabilities in rows (`predictions`) or in columns (`outputs`).

    Two outputs have names, as TensorFlow Serving writes them: an object for each row, or an object of columns.

    Args:
        key: under which the answer is expected.
        classes: labels in the order of the columns.
        probabilities: float32, shape (n, n_classes).
        sets: which classes are in each picture's set; None for an answer with probabilities alone.
    """
    rows = probabilities.tolist()
    if sets is None:
        return {key: rows}
    named = [[classes[index] for index in np.flatnonzero(members).tolist()] for members in sets]
    if key == COLUMNS:
        return {key: {OUTPUT_TENSOR: rows, SET: named}}
    return {key: [{OUTPUT_TENSOR: row, SET: labels} for row, labels in zip(rows, named, strict=True)]}


def labelled(
    classes: Sequence[str], probabilities: NDArray[np.float32], sets: NDArray[np.bool_] | None
) -> list[list[tuple[str, float]]]:
    """The classes of every picture with their probabilities, in the order of the classes: all, or those of its set."""
    members = np.ones(probabilities.shape, np.bool_) if sets is None else sets
    return [
        [(label, score) for label, score, is_member in zip(classes, row, chosen, strict=True) if is_member]
        for row, chosen in zip(probabilities.tolist(), members.tolist(), strict=True)
    ]


def _version_status(entry: ModelEntry, number: int, is_unloaded: bool) -> dict[str, Any]:
    if number in entry.damaged:
        error = {"error_code": "DATA_LOSS", "error_message": f"{entry.damaged[number]} is damaged"}
        return {"version": str(number), "state": "END", "status": error}
    return {"version": str(number), "state": "END" if is_unloaded else "AVAILABLE", "status": _OK}


def _tensor_info(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": "DT_FLOAT", "name": name, "tensor_shape": {"dim": dimensions, "unknown_rank": False}}
