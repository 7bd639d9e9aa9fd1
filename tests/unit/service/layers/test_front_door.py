"""What strangers and browsers get at the door, over the whole application."""

import httpx
import pytest
from fastapi import FastAPI, Response

from model_store import Manifest, ModelStore
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio

KEY = "0123456789abcdef"
APP = "https://app.example"
EVIL = "https://evil.example"


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"allowed_origins": f"{APP}, https://other.example"})


@pytest.mark.parametrize("path", ["/healthz", "/jobs", "/v2/health/live", "/v1/models/x", "/", "/docs", "/nothing"])
async def test_a_strange_host_is_421_everywhere(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(path, headers={"Host": "evil.example"})
    assert response.status_code == 421
    if path.startswith("/v"):
        assert set(response.json()) == {"error"}
    else:
        assert response.json()["code"] == "host_not_allowed"
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict"),
        ("POST", "/jobs"),
        ("POST", "/datasets"),
        ("DELETE", "/models/brightness"),
        ("PUT", "/models/brightness/aliases/champion"),
        ("POST", "/v2/repository/models/brightness/unload"),
        ("POST", "/v1/models/brightness:predict"),
        ("POST", "/v2/models/brightness/infer"),
    ],
)
@pytest.mark.parametrize(
    "headers", [{"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_another_site_changes_nothing(
    api: httpx.AsyncClient, brightness: Manifest, method: str, path: str, headers: dict[str, str]
) -> None:
    response = await api.request(method, path, headers=headers)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers
    assert (await api.get("/v2/models/brightness/ready")).status_code == 200


async def test_a_site_that_is_let_in_predicts_and_reads(api: httpx.AsyncClient, brightness: Manifest) -> None:
    preflight = await api.options("/predict", headers={"Origin": APP, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == APP
    for header in ("authorization", "content-type", "last-event-id", "range", "x-api-key"):
        assert header in preflight.headers["Access-Control-Allow-Headers"]
    answer = await api.post(
        "/predict",
        content=grey_picture(3),
        headers={"Content-Type": "image/png", "Origin": APP, "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "retry-after" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Vary"] == "Origin"
    models = await api.get("/models", headers={"Origin": APP})
    assert (models.status_code, models.headers["Access-Control-Allow-Origin"]) == (200, APP)


async def test_a_site_that_is_let_in_changes_nothing(api: httpx.AsyncClient, brightness: Manifest) -> None:
    refused = await api.delete("/models/brightness", headers={"Origin": APP})
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_not_allowed")
    preflight = await api.options("/jobs", headers={"Origin": APP, "Access-Control-Request-Method": "POST"})
    assert "access-control-allow-origin" not in preflight.headers


async def test_no_other_site_reads(api: httpx.AsyncClient) -> None:
    preflight = await api.options("/predict", headers={"Origin": EVIL, "Access-Control-Request-Method": "POST"})
    answer = await api.get("/models", headers={"Origin": EVIL})
    assert all("access-control-allow-origin" not in response.headers for response in (preflight, answer))


@pytest.mark.parametrize("path", ["/healthz", "/", "/docs", "/openapi.json", "/models", "/nothing", "/v2", "/predict"])
async def test_no_answer_can_be_framed(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(path)
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("kind", ["image/png", "image/svg+xml"])
async def test_every_picture_is_in_the_same_sandbox_as_stored_files(
    app: FastAPI, api: httpx.AsyncClient, brightness: Manifest, kind: str
) -> None:
    @app.get("/drawn")
    async def drawn() -> Response:
        return Response(b"", media_type=kind)

    policies = [
        (await api.get(path)).headers["Content-Security-Policy"]
        for path in ("/drawn", "/models/brightness/versions/1/files/model.onnx")
    ]
    assert policies[0] == policies[1]
    assert "sandbox" in policies[0]


@pytest.fixture
def locked(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(ApiSettings.model_validate(settings.model_dump() | {"admin_key": KEY}), store)


async def test_with_a_key_set_every_route_but_the_open_ones_needs_it(locked: FastAPI) -> None:
    open_paths = {"/", "/healthz", "/readyz", "/docs", "/openapi.json", "/metrics", "/docs/oauth2-redirect"}
    async with (
        locked.router.lifespan_context(locked),
        httpx.AsyncClient(transport=httpx.ASGITransport(locked), base_url="http://localhost") as api,
    ):
        for route in locked.routes:
            path = str(getattr(route, "path", "")).replace("{", "").replace("}", "")
            if path in open_paths or path.startswith(("/docs-assets", "/page/")) or ":path" in path:
                continue
            for method in sorted(getattr(route, "methods", None) or ()):
                response = await api.request(method, path)
                assert response.status_code == 401, (method, path)
                assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await api.get("/models", headers={"X-API-Key": KEY})).status_code == 200
        assert (await api.get("/models", auth=("me", KEY))).status_code == 200
        assert (await api.get("/healthz")).status_code == 200


async def test_a_key_is_shown_nowhere(locked: FastAPI) -> None:
    assert KEY not in repr(locked.state)
    async with locked.router.lifespan_context(locked):
        assert KEY not in repr(locked.state.service.settings)
