"""Routes of Triton's model repository extension: index, load, unload.

Unloading affects this process only and no file: the store stays as it is, and a restart serves everything again.
"""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from model_store import ArtifactCorrupt
from service.deps import StateDep
from service.errors import CallRejected, VersionPassedOver
from service.models.index import ModelEntry, Reference
from service.protocols.calls import answer_json, read_call
from service.protocols.fields import JsonObject, optional, read_object

router = APIRouter(prefix="/v2/repository", include_in_schema=False)


@router.post("/index")
async def repository_index(request: Request, state: StateDep) -> Response:
    """Every version in the store, and whether it can answer."""
    wish = await read_call(request, state, _read_wish)
    is_ready_only = optional(wish, "ready", bool, False)
    index = await state.catalog.refresh()
    lines = [
        line
        for _, entry in sorted(index.models.items())
        for line in _index_lines(entry, is_unloaded=state.engine.is_unloaded(entry.name))
        if line["state"] == "READY" or not is_ready_only
    ]
    return answer_json(lines)


@router.post("/models/{model}/load")
async def load_model(request: Request, state: StateDep, model: str) -> Response:
    """Serve a model (again), and answer when it is in memory."""
    wish = await read_call(request, state, _read_wish)
    for name in optional(wish, "parameters", dict, {}):
        if name == "config" or name.startswith("file:"):
            raise CallRejected(f"the parameter {name[:80]!r} is not supported; models come only from the model store")
    entry = (await state.catalog.refresh()).model(model)
    state.engine.restore(model)
    for number in sorted(entry.versions)[-state.settings.loaded_models :]:
        with suppress(ArtifactCorrupt):  # the other versions are still served
            await state.predictor.serving(Reference(model, version=number))
    with suppress(VersionPassedOver):  # its versions answer when they are named
        await state.predictor.serving(Reference(model))
    return answer_json({})


@router.post("/models/{model}/unload")
async def unload_model(request: Request, state: StateDep, model: str) -> Response:
    """Stop serving a model; requests already admitted are still answered."""
    wish = await read_call(request, state, _read_wish)
    optional(wish, "parameters", dict, {})
    (await state.catalog.refresh()).model(model)
    state.engine.unload(model)
    return answer_json({})


def _read_wish(body: bytes) -> JsonObject:
    """An object; an empty body counts as an empty one."""
    return read_object(body) if body.strip() else {}


def _index_lines(entry: ModelEntry, *, is_unloaded: bool) -> list[dict[str, Any]]:
    reasons = dict.fromkeys(entry.versions, "unloaded" if is_unloaded else "")
    reasons |= {number: f"{file} is damaged" for number, file in entry.damaged.items()}
    return [
        {
            "name": entry.name,
            "version": str(number),
            "state": "UNAVAILABLE" if reason else "READY",
            "reason": reason,
        }
        for number, reason in sorted(reasons.items())
    ]
