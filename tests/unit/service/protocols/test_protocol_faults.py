"""Unexpected errors and an unavailable store are answered with the protocols' own error bodies, too."""

import httpx
import pytest
from fastapi import FastAPI

from model_store import Manifest, ModelStore, StoreUnavailable
from service.web.verdicts import PROTOCOL_STATUSES, VERDICTS, protocol_status_of
from tests.unit.service.protocols.conftest import error_of
from worker.pictures.pixels import PictureTooLarge

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("prefix", ["/v1", "/v2"])
async def test_an_unforeseen_error_is_500_and_says_nothing_of_the_server(
    app: FastAPI, api: httpx.AsyncClient, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("a secret")

    app.add_api_route(f"{prefix}/broken", fail)
    response = await api.get(f"{prefix}/broken")
    assert response.status_code == 500
    assert "secret" not in error_of(response)
    assert response.headers["x-request-id"] in error_of(response)
    assert "a secret" in caplog.text


async def test_a_store_that_is_gone_is_503(
    app: FastAPI, api: httpx.AsyncClient, brightness: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise StoreUnavailable("s3://secret", "gone")

    monkeypatch.setattr(app.state.service.store, "check", gone)
    monkeypatch.setattr(ModelStore, "contents", property(gone))
    for path in ("/v2/health/ready", f"/v2/models/{brightness.model}", f"/v1/models/{brightness.model}"):
        response = await api.get(path)
        assert response.status_code == 503
        assert "secret" not in error_of(response)
    assert (await api.get("/v2/health/live")).status_code == 200


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("/v1", True),
        ("/v2", True),
        ("/v2/", True),
        ("/v1/models/x:predict", True),
        ("/v3", False),
        ("/v10/models", False),
        ("/models/v1", False),
        ("/", False),
    ],
)
async def test_the_protocols_live_below_two_prefixes(api: httpx.AsyncClient, path: str, is_one: bool) -> None:
    response = await api.put(path)
    assert response.status_code in {404, 405}
    assert (set(response.json()) == {"error"}) is is_one


def test_statuses_are_the_service_s_unless_the_protocols_have_their_own() -> None:
    assert protocol_status_of(PictureTooLarge("vast")) == 400
    assert protocol_status_of(StoreUnavailable("x", "y")) == 503
    assert set(PROTOCOL_STATUSES) <= set(VERDICTS)
