"""Describes models as TensorFlow Serving does: the status of versions, and signatures. Pure functions.

Its JSON is derived from protocol buffers, hence the numbers as strings and the nested `signature_def`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest
from service.models.index import ModelEntry
from service.protocols.serving_calls import SIGNATURE
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


def labelled(classes: Sequence[str], probabilities: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
    """Every class of every picture with its probability, in the order of the classes."""
    return [list(zip(classes, row, strict=True)) for row in probabilities.tolist()]


def _version_status(entry: ModelEntry, number: int, is_unloaded: bool) -> dict[str, Any]:
    if number in entry.damaged:
        error = {"error_code": "DATA_LOSS", "error_message": f"{entry.damaged[number]} is damaged"}
        return {"version": str(number), "state": "END", "status": error}
    return {"version": str(number), "state": "END" if is_unloaded else "AVAILABLE", "status": _OK}


def _tensor_info(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": "DT_FLOAT", "name": name, "tensor_shape": {"dim": dimensions, "unknown_rank": False}}
