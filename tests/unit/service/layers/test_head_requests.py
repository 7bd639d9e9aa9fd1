"""HEAD is answered wherever GET is: with its status and headers, and without a body."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

pytestmark = pytest.mark.anyio

OWN_OF_EVERY_ANSWER = {"x-request-id", "server-timing"}


@pytest.mark.usefixtures("brightness")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/docs", 200),
        ("/openapi.json", 200),
        ("/healthz", 200),
        ("/models", 200),
        ("/models/brightness/versions/1/files/model.keras", 200),
        ("/models/brightness/versions/1/summary", 200),
        ("/architectures/lenet5", 200),
        ("/datasets", 200),
        ("/jobs", 503),
        ("/models/nobody", 404),
        ("/nothing", 404),
        ("/v2/health/live", 200),
        ("/v1/models/brightness", 200),
        ("/v1/models/nobody", 404),
    ],
)
async def test_head_is_get_without_its_body(api: httpx.AsyncClient, path: str, status: int) -> None:
    get, head = await api.get(path), await api.head(path)
    assert (head.status_code, head.content) == (status, b"")
    assert {name: value for name, value in head.headers.items() if name not in OWN_OF_EVERY_ANSWER} == {
        name: value for name, value in get.headers.items() if name not in OWN_OF_EVERY_ANSWER
    }


async def test_head_is_logged_and_counted_as_head_under_its_route(
    api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.access"):
        await api.head("/architectures/lenet5")
    assert "HEAD /architectures/lenet5 200" in caplog.text
    page = (await api.get("/metrics")).text
    assert 'method="HEAD",route="/architectures/{name}",status="200"' in page


async def test_the_head_of_an_endless_answer_ends(app: FastAPI, api: httpx.AsyncClient) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"more"

    @app.get("/endless")
    async def get_endless() -> StreamingResponse:
        return StreamingResponse(endless(), media_type="text/event-stream")

    head = await api.head("/endless")
    assert (head.status_code, head.content, asked) == (200, b"", 1)
    assert head.headers["Content-Type"].startswith("text/event-stream")


@pytest.mark.usefixtures("brightness")
async def test_a_range_means_nothing_to_head(api: httpx.AsyncClient) -> None:
    head = await api.head("/models/brightness/versions/1/files/model.keras", headers={"Range": "bytes=1-2"})
    assert head.status_code == 200
    assert head.headers["Accept-Ranges"] == "bytes"


async def test_where_get_is_not_answered_head_is_405(api: httpx.AsyncClient) -> None:
    head = await api.head("/jobs/k3v9x2m7qd/cancel")
    assert (head.status_code, head.headers["Allow"], head.content) == (405, "POST", b"")
