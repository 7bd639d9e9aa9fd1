"""Predictions as Vertex AI asks containers for them: `instances`, and `parameters` that change the answer's form.

Without parameters an answer has the probabilities of all classes in their order, as in TensorFlow Serving. With
`maxPredictions` or `confidenceThreshold` it has names and confidences, best first, as in Vertex's own classifiers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from service.errors import CallRejected
from service.models.index import Reference
from service.protocols.calls import READ_INLINE_BYTES, answer_json, probabilities_of, write_answer
from service.protocols.fields import JsonObject, optional, required
from service.protocols.pictures import Pictures
from service.protocols.posted import Document
from service.protocols.serving_calls import predict_call_of
from service.state import ServiceState

_FILE_KEYS = ("content", "image_bytes", "bytes")
"""What an instance with a picture file may be called besides `b64`."""


async def answer_instances(state: ServiceState, reference: Reference, document: Document) -> Response:
    """Classify every instance with one version.

    Raises:
        CallRejected: the instances are not pictures of the version, or a parameter is not valid.
        Exception: whatever predicting raises.
    """
    manifest = await state.predictor.serving(reference)
    fields = {**document.fields, "instances": _rows(document.fields)}

    def read() -> Pictures:
        return predict_call_of(fields, manifest.input_shape).pictures

    n_bytes = document.n_bytes
    pictures = read() if n_bytes <= READ_INLINE_BYTES else await state.decoder.in_thread(read, n_bytes)
    probabilities = await probabilities_of(state, manifest, pictures)
    most, threshold = _wanted(document.fields)

    def write() -> Response:
        is_named = most is not None or threshold is not None
        named = (_named(row, manifest.classes, most, threshold or 0.0) for row in probabilities)
        predictions = list(named) if is_named else probabilities.tolist()
        return answer_json({"predictions": predictions, "model": manifest.model, "version": str(manifest.version)})

    return await write_answer(state, probabilities, write)


def _rows(fields: JsonObject) -> list[Any]:
    """The instances, with each way to write a picture file as `{"b64": …}`."""
    return [_row(row) for row in required(fields, "instances", list)]


def _row(row: Any) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(row, dict):
        return row
    for key in _FILE_KEYS:
        if key in row:
            return row[key] if isinstance(row[key], dict) else {"b64": row[key]}
    return row


def _wanted(fields: JsonObject) -> tuple[int | None, float | None]:
    """How many classes to name, and how probable they must be. Raises `CallRejected`."""
    parameters = optional(fields, "parameters", dict, {})
    most = parameters.get("maxPredictions", parameters.get("top_k"))
    threshold = parameters.get("confidenceThreshold")
    if most is not None and (type(most) not in {int, float} or most != int(most) or most < 1):
        raise CallRejected("'maxPredictions' is not valid; expected a whole number from 1")
    if threshold is not None and (type(threshold) not in {int, float} or not 0 <= threshold <= 1):
        raise CallRejected("'confidenceThreshold' is not valid; expected a number from 0 to 1")
    return None if most is None else int(most), threshold


def _named(row: NDArray[np.float32], classes: tuple[str, ...], most: int | None, threshold: float) -> dict[str, Any]:
    order = [int(index) for index in np.argsort(-row, kind="stable")[:most] if row[index] >= threshold]
    return {
        "ids": [str(index) for index in order],
        "displayNames": [classes[index] for index in order],
        "confidences": [float(row[index]) for index in order],
    }
