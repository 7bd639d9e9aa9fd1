"""Routes of TensorFlow Serving's REST API: status, metadata, `:predict`, `:classify`, `:regress`.

A version is chosen by number or by label; labels are our aliases. Routes with verbs come first, so that a verb is
never read as part of a name. The last route answers malformed paths as TensorFlow Serving does.
"""

import re
from collections.abc import Awaitable, Callable
from typing import NoReturn

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from model_store import AliasNotFound, ArtifactCorrupt, Manifest
from service.deps import StateDep
from service.errors import CallRejected
from service.models.index import Reference
from service.predict.urls import SERVING_CLASSIFY, SERVING_MODEL, SERVING_PREDICT, SERVING_REGRESS
from service.protocols.calls import answer_json, probabilities_of, read_call, threshold_of, write_answer
from service.protocols.coverage import COVERAGE, queried_coverage, sets_of
from service.protocols.serving_answers import labelled, metadata_answer, predict_answer, status_answer
from service.protocols.serving_calls import read_classify_call, read_predict_call
from service.state import ServiceState

Endpoint = Callable[..., Awaitable[Response]]
_TARGETS = ("", "/versions/{version}", "/labels/{label}")
_VERSION = re.compile(r"[0-9]{1,18}")

router = APIRouter(include_in_schema=False)


def _route(method: str, ending: str) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint for a model, one of its versions, and one of its labels."""

    def register(endpoint: Endpoint) -> Endpoint:
        for target in _TARGETS:
            router.add_api_route(SERVING_MODEL + target + ending, endpoint, methods=[method])
        return endpoint

    return register


@_route("POST", SERVING_PREDICT)
async def serving_predict(request: Request, state: StateDep) -> Response:
    """Probabilities of pictures in rows or columns."""
    manifest = await _serving(request, state)
    least = await threshold_of(state, manifest, _coverage(request))
    call = await read_call(request, state, lambda body: read_predict_call(body, manifest.input_shape))
    probabilities = await probabilities_of(state, manifest, call.pictures)
    sets = sets_of(probabilities, least)
    return await write_answer(
        state,
        probabilities,
        lambda: answer_json(predict_answer(call.answer_key, manifest.classes, probabilities, sets), manifest.full_name),
    )


@_route("POST", SERVING_CLASSIFY)
async def serving_classify(request: Request, state: StateDep) -> Response:
    """Every class with its probability, in the order of the classes; with `coverage`, those of the set."""
    manifest = await _serving(request, state)
    least = await threshold_of(state, manifest, _coverage(request))
    pictures = await read_call(request, state, lambda body: read_classify_call(body, manifest.input_shape))
    probabilities = await probabilities_of(state, manifest, pictures)
    sets = sets_of(probabilities, least)
    return await write_answer(
        state,
        probabilities,
        lambda: answer_json({"results": labelled(manifest.classes, probabilities, sets)}, manifest.full_name),
    )


@_route("POST", SERVING_REGRESS)
async def serving_regress(request: Request, state: StateDep) -> Response:
    """Refused: a classifier has no regress signature."""
    await _serving(request, state)
    raise CallRejected("the model has no signature for regress; expected predict or classify")


@_route("GET", "/metadata")
async def serving_metadata(request: Request, state: StateDep) -> Response:
    """The signature of a version."""
    manifest = await _resolved(state, _target(request))
    state.engine.refuse_unloaded(manifest.model)
    return answer_json(metadata_answer(manifest))


@_route("GET", "")
async def serving_status(request: Request, state: StateDep) -> Response:
    """Whether the versions of a model, or one of them, can answer."""
    target = _target(request)
    number = await _number(state, target)
    entry = (await state.catalog.index()).model(str(target.model))
    numbers = sorted([*entry.versions, *entry.damaged]) if number is None else [number]
    return answer_json(status_answer(entry, numbers, is_unloaded=state.engine.is_unloaded(entry.name)))


@router.api_route(SERVING_MODEL.format(model="{rest:path}"), methods=["GET", "POST"])
async def serving_malformed(request: Request) -> Response:
    """Refuse a path that matches no other route."""
    _refuse_malformed(request)


def _target(request: Request) -> Reference:
    """The version that the path names. Raises `CallRejected` when it cannot name one."""
    found = request.path_params
    version, label = found.get("version"), found.get("label")
    if any(":" in part for part in (found["model"], version or "", label or "")):
        _refuse_malformed(request)
    if version is None:
        return Reference(found["model"], alias=label)
    if not _VERSION.fullmatch(version):
        raise CallRejected("a version is not a number; expected digits after versions/, or labels/ and an alias")
    return Reference(found["model"], version=int(version))


def _refuse_malformed(request: Request) -> NoReturn:
    raise CallRejected(
        f"malformed request: {request.method} {request.scope['path'][:200]}; expected GET {SERVING_MODEL}"
        "[/versions/{n} or /labels/{label}][/metadata], or POST with :predict, :classify or :regress at its end"
    )


async def _serving(request: Request, state: ServiceState) -> Manifest:
    """The version that the path names, loaded."""
    target = _target(request)
    try:
        return await state.predictor.serving(target)
    except AliasNotFound as error:
        raise CallRejected(str(error)) from None  # 400: what TensorFlow Serving answers for an unknown label


def _coverage(request: Request) -> float | None:
    return queried_coverage(request.query_params.get(COVERAGE))


async def _resolved(state: ServiceState, target: Reference) -> Manifest:
    try:
        return await state.catalog.resolve(target)
    except AliasNotFound as error:
        raise CallRejected(str(error)) from None


async def _number(state: ServiceState, target: Reference) -> int | None:
    """The version's number, damaged or not; None when the path names all versions."""
    try:
        manifest = await _resolved(state, target)
    except ArtifactCorrupt as error:
        return None if target.is_open else error.version
    return None if target.is_open else manifest.version
