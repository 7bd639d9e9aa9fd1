"""The Model Context Protocol at `/mcp`: revisions, tools, resources, and what keys, limits and other sites do to it."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

import service.agents.server
from model_store import Manifest, ModelStore
from service.agents.descriptions import TOOLS_FILE, tools, tools_text
from service.agents.operations import OPERATIONS
from service.agents.slots import CALLS_OF_ONE, AgentsBusy, Slots
from service.cli.openapi import DOCUMENT
from service.keys.callers import KeyScope
from service.keys.issuing import issue
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.keys.callers_of_tests import ADMITTED, REFUSED, ten_callers

pytestmark = pytest.mark.anyio

OLDER, NEWER = "2025-11-25", "2026-07-28"
LARGEST_LIST = 40_000


def png() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


async def ask(
    api: httpx.AsyncClient, method: str, params: dict[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    return await api.post("/mcp", json=message, headers={"MCP-Protocol-Version": OLDER, **(headers or {})})


async def ask_newer(
    api: httpx.AsyncClient, method: str, params: dict[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    prefix = "io.modelcontextprotocol"
    meta = {f"{prefix}/protocolVersion": NEWER, f"{prefix}/clientCapabilities": {}}
    own = {"MCP-Protocol-Version": NEWER, "Mcp-Method": method}
    if "name" in (params or {}):
        own["Mcp-Name"] = (params or {})["name"]
    return await ask(api, method, {**(params or {}), "_meta": meta}, {**own, **(headers or {})})


async def use(api: httpx.AsyncClient, tool: str, token: str = "", **arguments: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await ask(api, "tools/call", {"name": tool, "arguments": arguments}, headers)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()["result"]
    return result


def error_of(result: dict[str, Any]) -> str:
    assert result.get("isError"), result
    return str(result["content"][0]["text"])


@asynccontextmanager
async def guarded_api(settings: ApiSettings, store: ModelStore) -> AsyncIterator[httpx.AsyncClient]:
    app: FastAPI = app_of(settings.model_copy(update={"auth": "on"}), store)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


def test_the_tools_are_those_of_the_document() -> None:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert TOOLS_FILE.read_text(encoding="utf-8") == tools_text(document), "run: python -m service.cli.openapi"
    assert len(json.dumps(list(tools().values()))) < LARGEST_LIST


@pytest.mark.parametrize(
    ("wanted", "agreed"), [("2025-03-26", "2025-03-26"), (OLDER, OLDER), ("2099-01-01", OLDER), (None, OLDER)]
)
async def test_older_clients_begin_with_a_handshake(api: httpx.AsyncClient, wanted: str | None, agreed: str) -> None:
    message = {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": {"protocolVersion": wanted}}
    answer = (await api.post("/mcp", json=message)).json()
    assert answer["id"] == "a"
    assert answer["result"]["protocolVersion"] == agreed
    assert answer["result"]["serverInfo"]["name"] == "convserve"
    assert set(answer["result"]["capabilities"]) == {"tools", "resources"}
    done = await api.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (done.status_code, done.content) == (202, b"")
    assert (await ask(api, "ping")).json()["result"] == {}
    nothing = await api.post("/mcp", json={"jsonrpc": "2.0", "id": 2, "method": "ping", "params": None})
    assert nothing.json()["result"] == {}


async def test_newer_clients_say_everything_in_each_request(api: httpx.AsyncClient) -> None:
    found = (await ask_newer(api, "server/discover")).json()["result"]
    assert NEWER in found["supportedVersions"]
    assert (found["resultType"], found["cacheScope"]) == ("complete", "private")
    assert (await ask_newer(api, "ping")).status_code == 404  # which this revision does not have
    contradicting = await ask_newer(api, "tools/list", headers={"Mcp-Method": "tools/call"})
    assert (contradicting.status_code, contradicting.json()["error"]["code"]) == (400, -32020)
    nameless = await ask(api, "tools/list", headers={"MCP-Protocol-Version": NEWER})
    assert (nameless.status_code, nameless.json()["error"]["code"]) == (400, -32602)


async def test_a_revision_that_is_not_spoken_is_refused(api: httpx.AsyncClient) -> None:
    prefix = "io.modelcontextprotocol"
    meta = {f"{prefix}/protocolVersion": "2099-01-01", f"{prefix}/clientCapabilities": {}}
    headers = {"MCP-Protocol-Version": "2099-01-01", "Mcp-Method": "tools/list"}
    answer = await ask(api, "tools/list", {"_meta": meta}, headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32022
    assert NEWER in answer.json()["error"]["data"]["supported"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b'{"a": NaN}', -32700),
        (b"[" * 100, -32700),
        (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}', -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "\\ud800"}}', -32700),
        (b"[]", -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600),
    ],
)
async def test_what_is_no_message_is_a_json_rpc_error(api: httpx.AsyncClient, body: bytes, code: int) -> None:
    answer = await api.post("/mcp", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (400, code, None)


async def test_unknown_methods_tools_and_resources_are_errors(api: httpx.AsyncClient) -> None:
    assert (await ask(api, "prompts/list")).json()["error"]["code"] == -32601
    assert (await ask(api, "tools/call", {"name": "delete_everything"})).json()["error"]["code"] == -32602
    assert (await ask(api, "tools/call", {"name": "whoami", "arguments": []})).status_code == 200
    for uri in ("convserve://keys", "file:///etc/passwd", "convserve://models/../keys", "convserve://jobs/x/cancel"):
        assert (await ask(api, "resources/read", {"uri": uri})).json()["error"]["code"] == -32002


async def test_only_posted_json_is_taken_and_only_from_this_site(api: httpx.AsyncClient) -> None:
    assert (await api.get("/mcp")).status_code == 405
    assert (await api.delete("/mcp")).status_code == 405
    message = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    assert (await api.post("/mcp", content=message, headers={"Content-Type": "text/plain"})).status_code == 415
    assert (await ask(api, "ping", headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await ask(api, "ping", headers={"Host": "evil.example"})).status_code == 421
    assert (await ask(api, "ping", headers={"Origin": "http://localhost"})).status_code == 200
    large = await ask(api, "ping", {"x": "a" * 300_000})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")


async def test_a_picture_is_classified_as_by_the_route(api: httpx.AsyncClient, brightness: Manifest) -> None:
    result = await use(api, "predict", model="brightness", image=png(), top_k=2)
    answer = await api.post("/models/brightness/predict?top_k=2", json={"images": [{"b64": png()}]})
    assert result["structuredContent"]["predictions"] == answer.json()["predictions"]
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    nulls = await use(api, "predict", model="brightness", image=png(), top_k=2, url=None, dataset=None, index=None)
    assert nulls["structuredContent"]["predictions"] == answer.json()["predictions"]
    newest = await use(api, "predict", image=f"data:image/png;base64,{png()}")
    assert newest["structuredContent"]["model"] == "brightness"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("predict", {"model": "brightness"}, "takes one picture"),
        ("predict", {"image": "x", "url": "https://example.org/a.png"}, "takes one picture"),
        ("predict", {"image": "no picture"}, "HTTP 4"),
        ("predict", {"dataset": "fashion_mnist_sample"}, "needs index"),
        ("predict", {"dataset": "../keys", "index": 1}, "not a name"),
        ("predict", {"model": "nobody", "image": png()}, "`list_models` has the names"),
        ("explain", {"model": "a/b/c", "image": "x"}, "not a name"),
        ("get_job", {"job_id": "a/cancel"}, "not a name"),
        ("get_job", {}, "needs the argument 'job_id'"),
        ("get_job", {"job_id": "x", "force": True}, "no argument 'force'; expected job_id"),
        ("wait_for_job", {"job_id": "x", "timeout_s": 1000}, "out of range"),
        ("check_architecture", {"architecture": {"layers": []}}, "HTTP 422"),
    ],
)
async def test_what_cannot_be_done_is_a_result_that_says_what_to_do(
    api: httpx.AsyncClient, brightness: Manifest, tool: str, arguments: dict[str, Any], said: str
) -> None:
    assert said in error_of(await use(api, tool, **arguments))


async def test_a_network_is_checked_and_an_alias_is_set(api: httpx.AsyncClient, brightness: Manifest) -> None:
    layers = [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]
    checked = await use(api, "check_architecture", architecture={"layers": layers}, image_shape="8x8x3")
    assert checked["structuredContent"]["parameters"] == 1930
    moved = await use(api, "set_alias", name="brightness", alias="production", version=1)
    assert moved["structuredContent"]["version"] == 1
    assert (await api.get("/models/brightness/aliases/production")).json()["version"] == 1


async def test_resources_are_listed_and_read(api: httpx.AsyncClient, brightness: Manifest) -> None:
    listed = (await ask(api, "resources/list")).json()["result"]["resources"]
    uris = [resource["uri"] for resource in listed]
    assert uris == ["convserve://llms.txt", "convserve://models/brightness/aliases/latest/README.md"]
    for resource in listed:
        read = (await ask(api, "resources/read", {"uri": resource["uri"]})).json()["result"]["contents"][0]
        assert read["mimeType"] == resource["mimeType"]
        assert "convserve" in read["text"]
    file = {"uri": "convserve://models/brightness/versions/1/files/model.onnx"}
    shown = (await ask(api, "resources/read", file)).json()["result"]["contents"][0]
    assert base64.b64decode(shown["blob"]) == (await api.get("/models/brightness/versions/1/files/model.onnx")).content


async def test_each_key_sees_the_tools_that_it_may_use_and_can_use_no_other(
    settings: ApiSettings, store: ModelStore, brightness: Manifest
) -> None:
    tokens = ten_callers(store)
    async with guarded_api(settings, store) as client:
        for kind in REFUSED:
            answer = await ask(client, "tools/list", headers=({"X-API-Key": tokens[kind]} if tokens[kind] else {}))
            assert answer.status_code in (401, 429)
        for kind, scope in ADMITTED.items():
            listed = (await ask(client, "tools/list", headers={"X-API-Key": tokens[kind]})).json()["result"]["tools"]
            names = {tool["name"] for tool in listed}
            assert ("predict" in names, "list_models" in names, "train" in names) == (
                True,
                scope.includes(KeyScope.READ),
                scope.includes(KeyScope.TRAIN),
            )
        forbidden = await use(client, "set_alias", tokens["read"], name="brightness", alias="mine", version=1)
        assert "Ask the person who runs the server" in error_of(forbidden)
        assert (await use(client, "whoami", tokens["predict"]))["structuredContent"]["name"] == "predict"


async def test_the_limit_of_a_key_holds_and_only_predictions_count(
    settings: ApiSettings, store: ModelStore, brightness: Manifest
) -> None:
    token = issue(store.keys, "slow", KeyScope.PREDICT, limits={"predict_per_s": 1}, expires=None, created_by="local")[
        0
    ]
    async with guarded_api(settings, store) as client:
        for _ in range(3):
            assert (await ask(client, "tools/list", headers={"X-API-Key": token})).status_code == 200
        results = [await use(client, "predict", token, model="brightness", image=png()) for _ in range(2)]
    assert "structuredContent" in results[0]
    assert "Try again after" in error_of(results[1])
    assert "whoami" in error_of(results[1])


async def test_calls_and_bodies_are_bounded() -> None:
    slots = Slots(max_bytes=100)
    with slots.call("ben"):
        held = [slots.call("ada") for _ in range(CALLS_OF_ONE)]
        for each in held:
            each.__enter__()
        with pytest.raises(AgentsBusy, match="at most 8 of one key"), slots.call("ada"):
            pass
        for each in held:
            each.__exit__(None, None, None)
        with slots.call("ada"):
            await asyncio.sleep(0)
    slots.hold(100)
    with pytest.raises(AgentsBusy, match="memory"):
        slots.hold(1)
    slots.let_go(101)
    slots.hold(100)


async def test_what_a_client_waits_for_stops_when_it_leaves(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = asyncio.Event()

    async def wait_for_ever(*_: object) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return {}

    monkeypatch.setattr(service.agents.server, "run_tool", wait_for_ever)
    call = {"name": "wait_for_job", "arguments": {"job_id": "x"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
    came: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return came.pop() if came else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "query_string": b""}
    scope |= {"method": "POST", "path": "/mcp", "raw_path": b"/mcp", "root_path": "", "headers": headers}
    async with app.router.lifespan_context(app):
        await app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000)}, receive, send)
    assert stopped.is_set()
    assert sent[0]["status"] == 499


def test_what_deletes_is_no_tool() -> None:
    assert {operation.method for operation in OPERATIONS.values()} == {"GET", "POST", "PUT"}
    assert not any("/keys" in operation.template for operation in OPERATIONS.values())
