"""Routes that clouds ask of a container with a model: SageMaker's `/ping` and `/invocations`, and Vertex AI's two.

Vertex AI chooses its two addresses (`AIP_HEALTH_ROUTE`, `AIP_PREDICT_ROUTE`); `service.layers.platform_paths` leads
them here. The model is the one that `CONVSERVE_SERVED_MODEL` names, or the one published last.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from model_store import AliasNotFound, VersionNotFound
from service.deps import StateDep
from service.errors import CallRejected, NothingPublished, VersionPassedOver
from service.models.index import Reference
from service.predict.answers import Prediction
from service.predict.uploads import Upload, uploads_of
from service.predict.urls import DEFAULT_TOP_K, INVOCATIONS, PING, VERTEX_HEALTH, VERTEX_PREDICT
from service.protocols.documents import answer_document
from service.protocols.hub_routes import BODY, ERRORS
from service.protocols.posted import Document, read_posted
from service.protocols.served_model import reference_of
from service.state import ServiceState
from service.web.problem_docs import problem_responses

TARGET_MODEL = "x-amzn-sagemaker-target-model"
"""The model of a multi-model endpoint, as its caller names it: `name`, `name/version` or `name@alias`."""
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
"""Options of one call, such as `top_k=3`."""

router = APIRouter(tags=["other clients"])


@router.get(PING, summary="Can the container answer? (SageMaker)", response_class=Response)
async def ping(state: StateDep) -> Response:
    """200 without a body when pictures can be classified; 503 when the model store does not answer."""
    return Response(status_code=200 if (await state.ability()).is_ready else 503)


@router.post(
    INVOCATIONS,
    summary="Classify with the model that is served (SageMaker)",
    openapi_extra=BODY,
    response_model=Prediction,
    responses=problem_responses(*ERRORS, NothingPublished, VersionNotFound, AliasNotFound, VersionPassedOver),
)
async def invoke(request: Request, state: StateDep) -> Response:
    """Pictures as in `POST /predict`, under any Content-Type, or JSON.

    JSON with `images` is answered as in `POST /predict`, `instances` as by TensorFlow Serving, and `inputs` as for
    `huggingface_hub`. The header `X-Amzn-SageMaker-Target-Model` names another model, and
    `X-Amzn-SageMaker-Custom-Attributes: top_k=3` how many classes to name.
    """
    reference = reference_of(request.headers.get(TARGET_MODEL) or state.settings.served_model)
    return await _answer(state, reference, await read_posted(request, state), _top_k(request))


@router.get(VERTEX_HEALTH, include_in_schema=False)
async def vertex_health(state: StateDep) -> Response:
    """As `ping`."""
    return await ping(state)


@router.post(VERTEX_PREDICT, include_in_schema=False)
async def vertex_predict(request: Request, state: StateDep) -> Response:
    """Classify `instances` with the model that is served."""
    reference = reference_of(state.settings.served_model)
    return await _answer(state, reference, await read_posted(request, state), DEFAULT_TOP_K)


async def _answer(state: ServiceState, reference: Reference, posted: Document | list[Upload], top_k: int) -> Response:
    if isinstance(posted, Document):
        if posted.fields.keys().isdisjoint({"images", "url"}):
            return await answer_document(state, reference, posted)
        sizes = (state.settings.max_pictures, state.settings.max_picture_bytes)
        posted = await state.fetcher.fetched(uploads_of(posted.fields, *sizes))
    answer = await state.predictor.classify(reference, posted, top_k)
    return Response(answer, media_type="application/json")


def _top_k(request: Request) -> int:
    """How many classes to name. Raises `CallRejected`."""
    said = dict(_attributes(request.headers.get(ATTRIBUTES, ""))).get("top_k")
    if said is None:
        return DEFAULT_TOP_K
    if not said.isdecimal() or int(said[:9]) < 1:
        raise CallRejected(f"top_k in {ATTRIBUTES} is not valid; expected a whole number from 1")
    return int(said[:9])


def _attributes(text: str) -> Iterator[tuple[str, Any]]:
    for part in text.replace(";", ",").split(","):
        name, _, value = part.partition("=")
        yield name.strip(), value.strip()
