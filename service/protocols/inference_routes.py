"""Routes of the Open Inference Protocol: health, metadata, inference.

Every model of the protocol has one input and one output tensor, named as in the published network.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from model_store import Manifest
from service import __version__
from service.deps import StateDep
from service.models.index import Reference
from service.predict.urls import INFER_LATEST, INFER_PREFIX, INFER_VERSION
from service.protocols import faults
from service.protocols.calls import answer_json, named_version, probabilities_of, read_call, threshold_of, write_answer
from service.protocols.coverage import sets_of
from service.protocols.encodings import chosen_encoding, compressed
from service.protocols.infer_answers import InferAnswer, write_infer_answer
from service.protocols.infer_calls import LENGTH_HEADER, read_infer_call
from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR

EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")
PLATFORM = "onnxruntime_onnx"

router = APIRouter(prefix=INFER_PREFIX, include_in_schema=False)


async def _reference(request: Request, state: StateDep) -> Reference:
    """The version that the path names; query parameters are ignored."""
    return await named_version(state, request.path_params["model"], request.path_params.get("version"))


ReferenceDep = Annotated[Reference, Depends(_reference)]


@router.get("/health/live")
async def server_live() -> Response:
    """200 as long as the process answers at all."""
    return answer_json({"live": True})


@router.get("/health/ready")
async def server_ready(state: StateDep) -> Response:
    """200 when the model store answers, even if models were unloaded on request."""
    if not (await state.ability()).is_ready:
        return faults.respond(503, "The model store does not answer at the moment.")
    return answer_json({"ready": True, "live": True})


@router.get("")
async def server_metadata() -> Response:
    """The server's name, version and extensions."""
    return answer_json({"name": "convserve", "version": __version__, "extensions": EXTENSIONS})


@router.get("/models/{model}")
@router.get("/models/{model}/versions/{version}")
async def model_metadata(state: StateDep, reference: ReferenceDep) -> Response:
    """The tensors of a model, and its versions that can answer."""
    manifest = await state.catalog.resolve(reference)
    state.engine.refuse_unloaded(manifest.model)
    entry = (await state.catalog.index()).model(manifest.model)
    return answer_json(_described(manifest, [str(number) for number in sorted(entry.versions)]))


@router.get("/models/{model}/ready")
@router.get("/models/{model}/versions/{version}/ready")
async def model_ready(state: StateDep, reference: ReferenceDep) -> Response:
    """200 once the version is in memory."""
    manifest = await state.predictor.serving(reference)
    return answer_json({"name": manifest.model, "ready": True})


@router.post(INFER_LATEST)
@router.post(INFER_VERSION)
async def infer(request: Request, state: StateDep, reference: ReferenceDep) -> Response:
    """Probabilities, as JSON or binary tensor, or the names of the most probable classes; with `coverage` also sets."""
    manifest = await state.predictor.serving(reference)
    length = request.headers.get(LENGTH_HEADER)
    call = await read_call(request, state, lambda body: read_infer_call(body, length, manifest.input_shape), length)
    least = await threshold_of(state, manifest, call.coverage)
    probabilities = await probabilities_of(state, manifest, call.pixels)
    sets = sets_of(probabilities, least)
    encoding = chosen_encoding(request.headers.get("accept-encoding", ""))
    return await write_answer(
        state, probabilities, lambda: _encoded(write_infer_answer(call, manifest, probabilities, sets), encoding)
    )


def _described(manifest: Manifest, versions: list[str]) -> dict[str, Any]:
    return {
        "name": manifest.model,
        "versions": versions,
        "platform": PLATFORM,
        "inputs": [{"name": INPUT_TENSOR, "datatype": "FP32", "shape": [-1, *manifest.input_shape]}],
        "outputs": [{"name": OUTPUT_TENSOR, "datatype": "FP32", "shape": [-1, len(manifest.classes)]}],
    }


def _encoded(answer: InferAnswer, encoding: str | None) -> Response:
    if encoding is None:
        return Response(answer.content, headers=answer.headers, media_type=answer.media_type)
    headers = {**answer.headers, "Content-Encoding": encoding, "Vary": "Accept-Encoding"}
    return Response(compressed(answer.content, encoding), headers=headers, media_type=answer.media_type)
