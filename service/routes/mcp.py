"""The route of the Model Context Protocol: the operations of this server as tools of a language model."""

from functools import cache

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, JsonValue

from service.agents.slots import AgentsBusy, Slots
from service.deps import CallerDep, StateDep
from service.errors import BodyTooLarge, BodyTypeUnsupported, Overloaded
from service.predict.urls import AGENTS
from service.web.content_types import refuse_encoded, shown_type
from service.web.problem_docs import problem_responses

BODIES_AT_ONCE = 2
"""Bodies of the largest size that are in memory at once."""

router = APIRouter(tags=["agents"])


class RpcMessage(BaseModel, defer_build=True):
    """A request, or, without `id`, a notification."""

    jsonrpc: str = Field(description="Always `2.0`.", examples=["2.0"])
    id: str | int | None = Field(default=None, description="Returned with the answer.", examples=[1])
    method: str = Field(description="Such as `initialize`, `tools/list` or `tools/call`.", examples=["tools/list"])
    params: dict[str, JsonValue] = Field(default={}, examples=[{}])


class RpcAnswer(BaseModel, defer_build=True):
    """The answer to a request: `result`, or `error`."""

    jsonrpc: str = Field(examples=["2.0"])
    id: str | int | None
    result: dict[str, JsonValue] | None = None
    error: dict[str, JsonValue] | None = Field(default=None, description="`code`, `message` and sometimes `data`.")


BODY = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/RpcMessage"}}}, "required": True}


@router.post(
    AGENTS,
    summary="Model Context Protocol",
    response_model=RpcAnswer,
    openapi_extra={"requestBody": BODY},
    responses={
        **problem_responses(BodyTooLarge, BodyTypeUnsupported, Overloaded),
        202: {"description": "A notification was taken; the body is empty."},
    },
)
async def post_mcp(request: Request, state: StateDep, caller: CallerDep) -> Response:
    """The operations of this server as tools of a language model: streamable HTTP, without sessions.

    A body is one message of JSON-RPC 2.0. Errors of the protocol are JSON-RPC errors, also where the status is 400 or
    404. A tool does what its route does, with the key of this request: what a route refuses is the result of the tool,
    with `isError` and what to do.
    """
    slots = slots_of(state.settings.max_body_bytes)
    _check_type(request)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            slots.hold(len(chunk))
        from service.agents.endpoint import answered  # noqa: PLC0415 - see that module's docstring

        return await answered(body, request, caller, slots)
    except AgentsBusy:
        raise Overloaded(1) from None
    finally:
        slots.let_go(len(body))


@cache
def slots_of(max_body_bytes: int) -> Slots:
    """The slots of this process."""
    return Slots(BODIES_AT_ONCE * max_body_bytes)


def _check_type(request: Request) -> None:
    refuse_encoded(request.headers)
    said = shown_type(request.headers.get("content-type", ""))
    if said.lower() != "application/json":
        raise BodyTypeUnsupported("Content-Type application/json", said)
