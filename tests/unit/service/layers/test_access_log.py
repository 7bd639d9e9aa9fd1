"""Every exchange is one line in the log, with the id that its answer carries."""

import logging

import httpx
import pytest

from model_store import Manifest
from tests.unit.service.tiny_networks import grey_picture
from worker.telemetry.logs import formatter_of

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [found for found in caplog.records if found.name == "service.access"]


async def test_a_request_is_logged_once_with_its_id(
    api: httpx.AsyncClient, brightness: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    response = await api.post(
        "/predict?top_k=3", files={"file": ("x.png", grey_picture(4))}, headers={"X-Request-ID": "mine-1"}
    )
    (line,) = lines(caplog)
    fields = vars(line)["fields"]
    assert {**fields, "duration_ms": 0} == {"method": "POST", "path": "/predict", "status": 200, "duration_ms": 0}
    assert 0 < fields["duration_ms"] < 10_000
    assert response.headers["X-Request-ID"] == "mine-1"
    assert line.getMessage() == f"POST /predict 200 in {fields['duration_ms']:.1f} ms (request mine-1)"


async def test_a_json_line_of_a_request_carries_its_id(
    api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(formatter_of("api", "json"))
    await api.get("/jobs", headers={"X-Request-ID": "mine-2"})
    written = [line for line in caplog.text.splitlines() if '"logger": "service.' in line]
    assert len(written) == 2  # what went wrong, and the request
    assert all('"request_id": "mine-2"' in line for line in written)


async def test_a_path_cannot_forge_a_line(api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    await api.get("/nothing%0A12:00:00  api  all is well%1B[2J/" + "x" * 5000)
    (line,) = lines(caplog)
    message = line.getMessage()
    assert message.isprintable()
    assert len(message) < 300
    assert "/nothing?12:00:00" in message
