"""Answers the body of one request: a message of JSON-RPC in a revision of MCP.

Imported at the first request: what is below takes 15 ms, and most servers are never asked by an agent.
"""

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response

from service.agents.messages import Json, Message, RpcError, answer, read_message, refusal
from service.agents.revisions import revision_of, status_of
from service.agents.server import Server
from service.agents.slots import Slots
from service.keys.callers import Caller
from service.web.client_presence import receive_of_request, while_client_stays

READ_INLINE_BYTES = 64 * 1024
"""Parsing JSON of up to this size takes about as long as waking a thread."""


async def answered(body: bytearray, request: Request, caller: Caller, slots: Slots) -> Response:
    """The answer to a request.

    Args:
        body: of the request.
        request: whose body has been read.
        caller: who sends it.
        slots: of this process.

    Raises:
        ClientLeft: the client disconnected, and what it asked for was stopped.
    """
    message = Message("")
    try:
        message = await _read(body)
        revision = revision_of(request.headers, message)
        if message.id is None:
            return Response(status_code=202)
        server = Server(request, caller, slots)
        return _json(answer(message.id, await _while_client_stays(request, server, message, revision)), 200)
    except RpcError as error:
        return _json(refusal(message.id, error), status_of(error, request.headers))


async def _while_client_stays(request: Request, server: Server, message: Message, revision: str) -> Json:
    token = receive_of_request.set(request.receive)
    try:
        return await while_client_stays(server.answer(message, revision))
    finally:
        receive_of_request.reset(token)


async def _read(body: bytearray) -> Message:
    return read_message(body) if len(body) <= READ_INLINE_BYTES else await asyncio.to_thread(read_message, body)


def _json(content: Json, status: int) -> Response:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, media_type="application/json")
