"""Answers the methods of MCP: what this server is, its tools and resources, and calls of them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request

from service import __version__
from service.agents.content import LARGEST_ANSWER, failed
from service.agents.descriptions import needed_scope, tools
from service.agents.loopback import Loopback
from service.agents.messages import INVALID_PARAMS, METHOD_NOT_FOUND, Json, Message, RpcError
from service.agents.operations import OPERATIONS
from service.agents.resources import contents_of, listed_resources, read_resource, resource_templates
from service.agents.revisions import RESOURCE_NOT_FOUND, SELF_CONTAINED, SERVER_KEY, SPOKEN, agreed
from service.agents.slots import AgentsBusy, Slots
from service.agents.tool_calls import run_tool
from service.keys.callers import Caller

INFO = {"name": "convserve", "title": "convserve", "version": __version__}
CAPABILITIES: Json = {"tools": {}, "resources": {}}
INSTRUCTIONS = (
    "convserve trains small convolutional image classifiers and serves them. To train: `list_architectures`, "
    "`list_datasets`, then `estimate_training`, then `train`, then `wait_for_job` until the job has ended. `predict` "
    "classifies a picture with the model that it published; `explain` draws why. `compare_runs` says whether runs "
    "differ by more than chance. What a tool may do is what the key of this connection may do; `whoami` says what "
    "that is."
)
FRESH_MS = {"tools/list": 3_600_000, "resources/templates/list": 3_600_000, "server/discover": 3_600_000}
"""For how long clients of the self-contained revision may keep an answer, by method; other lists change at any time."""
CACHEABLE = {*FRESH_MS, "resources/list", "resources/read"}


class Server:
    """Answers one request's message.

    Args:
        request: of HTTP.
        caller: who sends it.
        slots: of this process.
    """

    def __init__(self, request: Request, caller: Caller, slots: Slots) -> None:
        self._caller = caller
        self._slots = slots
        self._loopback = Loopback(request, LARGEST_ANSWER)
        self._shared: dict[str, Callable[[Mapping[str, Any]], Awaitable[Json]]] = {
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": self._list_resources,
            "resources/templates/list": self._list_templates,
            "resources/read": self._read_resource,
        }

    async def answer(self, message: Message, revision: str) -> Json:
        """The result of a request.

        Raises:
            RpcError: there is no such method, tool or resource.
        """
        found = {**self._shared, **(self._newer if revision == SELF_CONTAINED else self._older)}
        method = found.get(message.method)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, f"There is no method {message.method[:80]!r}; expected {', '.join(found)}")
        result = await method(message.params)
        return _stamped(result, message.method) if revision == SELF_CONTAINED else result

    @property
    def _older(self) -> dict[str, Callable[[Mapping[str, Any]], Awaitable[Json]]]:
        return {"initialize": self._initialize, "ping": self._ping}

    @property
    def _newer(self) -> dict[str, Callable[[Mapping[str, Any]], Awaitable[Json]]]:
        return {"server/discover": self._discover}

    async def _initialize(self, params: Mapping[str, Any]) -> Json:
        said = {"serverInfo": INFO, "capabilities": CAPABILITIES, "instructions": INSTRUCTIONS}
        return {"protocolVersion": agreed(params.get("protocolVersion")), **said}

    async def _discover(self, _: Mapping[str, Any]) -> Json:
        return {"supportedVersions": SPOKEN, "capabilities": CAPABILITIES, "instructions": INSTRUCTIONS}

    async def _ping(self, _: Mapping[str, Any]) -> Json:
        return {}

    async def _list_tools(self, _: Mapping[str, Any]) -> Json:
        described = tools()
        usable = [name for name, found in OPERATIONS.items() if self._caller.has(needed_scope(found))]
        return {"tools": [described[name] for name in usable]}

    async def _call_tool(self, params: Mapping[str, Any]) -> Json:
        operation = OPERATIONS.get(str(params.get("name")))
        if operation is None:
            raise RpcError(
                INVALID_PARAMS, f"There is no tool {str(params.get('name'))[:80]!r}; tools/list has them all"
            )
        arguments = params.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise RpcError(INVALID_PARAMS, "The arguments are not an object; expected one")
        try:
            with self._slots.call(self._caller.name):
                return await run_tool(operation, arguments, self._loopback)
        except AgentsBusy as error:
            return failed(str(error))

    async def _list_resources(self, _: Mapping[str, Any]) -> Json:
        return {"resources": await listed_resources(self._loopback)}

    async def _list_templates(self, _: Mapping[str, Any]) -> Json:
        return {"resourceTemplates": resource_templates()}

    async def _read_resource(self, params: Mapping[str, Any]) -> Json:
        uri = str(params.get("uri", ""))
        reply = await read_resource(uri, self._loopback)
        if reply is None or reply.status != 200 or reply.is_cut:
            raise _unreadable(uri, None if reply is None else reply.status)
        return {"contents": [contents_of(uri, reply)]}


def _unreadable(uri: str, status: int | None) -> RpcError:
    why = "there is none" if status in (None, 404) else f"its route answers {status}, or more than 4 MB"
    return RpcError(RESOURCE_NOT_FOUND, f"The resource cannot be read: {why}", {"uri": uri[:200]})


def _stamped(result: Json, method: str) -> Json:
    """A result with the fields that the self-contained revision requires in every one."""
    kept = {"ttlMs": FRESH_MS.get(method, 0), "cacheScope": "private"} if method in CACHEABLE else {}
    return {**result, "resultType": "complete", **kept, "_meta": {SERVER_KEY: INFO}}
