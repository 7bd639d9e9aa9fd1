"""Lists of jobs over HTTP: pages by id, filters, rows, and changes of many jobs; no worker runs."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model_store import open_store
from service import deps
from service.app import create_app
from service.jobs.feed import feed_events
from service.keys.callers import Caller, KeyScope
from service.settings import ApiSettings
from service.state import ServiceState

pytestmark = pytest.mark.anyio

BODY = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 2}
ANN, BEN = Caller("ann", KeyScope.TRAIN), Caller("ben", KeyScope.TRAIN)


class Client:
    """Asks as somebody."""

    def __init__(self, api: httpx.AsyncClient, app: FastAPI) -> None:
        self._api = api
        self._overrides = app.dependency_overrides
        self.state: ServiceState = app.state.service

    async def __call__(self, method: str, path: str, caller: Caller = ANN, **options: Any) -> httpx.Response:  # noqa: ANN401
        self._overrides[deps._caller] = lambda: caller
        return await self._api.request(method, path, **options)

    async def submit(self, caller: Caller = ANN, **body: object) -> str:
        answer = await self("POST", "/jobs", caller, json=BODY | body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


@pytest.fixture
async def ask(redis_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    app = create_app(ApiSettings(data_dir=tmp_path, redis_url=redis_url), open_store("memory://"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as api:
            yield Client(api, app)


async def test_pages_lead_to_one_another_by_id(ask: Client) -> None:
    ids = [await ask.submit() for _ in range(5)]
    seen, path = [], "/jobs?limit=2&state=queued&state=running"
    while path:
        answer = await ask("GET", path)
        page = answer.json()
        seen += [job["id"] for job in page["jobs"]]
        assert page["total"] == 5
        path = page["next"]
        assert answer.headers.get("Link") == (f'<{path}>; rel="next"' if path else None)
        if len(seen) == 2:
            assert path == f"/jobs?state=queued&state=running&limit=2&after={ids[3]}"
            await ask.submit()  # does not shift what follows
            await ask("POST", "/jobs/cancel?model=none")
            ids = ids[:]
            await ask("POST", f"/jobs/{(await ask('GET', '/jobs?limit=1')).json()['jobs'][0]['id']}/cancel")
    assert seen == ids[::-1]
    assert [job["id"] for job in (await ask("GET", "/jobs?offset=2&limit=2")).json()["jobs"]] == [ids[3], ids[2]]
    unknown = await ask("GET", "/jobs?after=nosuchjob2")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "job_not_found")


async def test_filters_are_joined(ask: Client) -> None:
    first = await ask.submit(tags=["week-3", "warm-up"], note="first try", priority=3)
    await ask.submit(BEN, tags=["week-3"])
    await ask.submit(model="others")

    async def found(query: str) -> int:
        answer = (await ask("GET", f"/jobs?{query}")).json()
        assert len(answer["jobs"]) == answer["total"]
        return int(answer["total"])

    assert await found("owner=ann") == 2
    assert await found("tag=week-3") == 2
    assert await found("tag=week-3&owner=ann") == 1
    assert await found("model=others&dataset=fashion_mnist_sample&architecture=lenet5-fashion") == 1
    assert await found("architecture=cnn") == 0
    job = (await ask("GET", f"/jobs/{first}")).json()
    assert (job["owner"], job["tags"], job["note"], job["priority"]) == ("ann", ["week-3", "warm-up"], "first try", 3)
    for wrong in ("tag=a%20b", "limit=501", "offset=10001", "colour=red", "view=all", "state=lost"):
        assert (await ask("GET", f"/jobs?{wrong}")).status_code == 422, wrong


async def test_a_row_is_short(ask: Client) -> None:
    await ask.submit(tags=["week-3", "warm-up"], model="m" * 40)
    answer = (await ask("GET", "/jobs?view=row")).json()
    (row,) = answer["jobs"]
    assert len(httpx.Response(200, json=row).content) <= 600
    assert (row["state"], row["position"], row["epochs"], row["tags"]) == ("queued", 1, 2, ["week-3", "warm-up"])


async def test_many_jobs_are_cancelled_and_deleted_by_filter(ask: Client) -> None:
    for _ in range(3):
        await ask.submit(tags=["old"])
    await ask.submit()
    await ask.submit(BEN, tags=["old"])
    assert (await ask("POST", "/jobs/cancel?tag=old")).json() == {"matched": 3, "changed": 3}
    assert (await ask("POST", "/jobs/cancel?tag=old")).json() == {"matched": 0, "changed": 0}
    assert (await ask("POST", "/jobs/cancel?owner=ben")).json() == {"matched": 0, "changed": 0}
    assert (await ask("DELETE", "/jobs?state=queued")).json() == {"matched": 0, "changed": 0}
    assert (await ask("DELETE", "/jobs?state=cancelled&tag=old")).json() == {"matched": 3, "changed": 3}
    assert (await ask("GET", "/jobs")).json()["total"] == 2
    admin = Caller("teacher", KeyScope.ADMIN)
    assert (await ask("POST", "/jobs/cancel?dataset=fashion_mnist_sample", admin)).json()["changed"] == 2
    for method, path in (("DELETE", "/jobs"), ("POST", "/jobs/cancel")):
        refused = await ask(method, path)
        assert refused.status_code == 422
        assert "no filter; expected at least one of state, owner" in refused.text


@pytest.mark.parametrize("wrong", [{"tags": ["a b"]}, {"tags": ["t"] * 11}, {"priority": 11}, {"note": "n" * 501}])
async def test_labels_are_bounded(ask: Client, wrong: dict[str, object]) -> None:
    answer = await ask("POST", "/jobs", json=BODY | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][1] == next(iter(wrong))


async def test_all_jobs_of_a_grid_have_its_labels(ask: Client) -> None:
    body = BODY | {"grid": {"seed": [1, 2]}, "tags": ["grid"], "priority": -1}
    assert (await ask("POST", "/jobs", BEN, json=body)).status_code == 202
    jobs = (await ask("GET", "/jobs?owner=ben&tag=grid")).json()["jobs"]
    assert [job["priority"] for job in jobs] == [-1, -1]


async def told(ask: Client, n: int, after: str | None = None) -> list[tuple[str, str, Any]]:
    """The first events of the feed, as a route's generator makes them: a test client cannot leave a stream early."""
    queue = ask.state.queue
    events = feed_events(queue, ask.state.catalog.refresh, after)
    found: list[tuple[str, str, Any]] = []
    async for text in events:
        if text.startswith("id: "):
            event_id, kind, data = (line.partition(": ")[2] for line in text.strip().split("\n"))
            found.append((kind, event_id, json.loads(data)))
        if len(found) == n:
            break
    await events.aclose()  # type: ignore[attr-defined]
    return found


async def test_all_jobs_are_followed_at_once_and_a_client_resumes(ask: Client) -> None:
    ((kind, start, _),) = await told(ask, 1)
    assert kind == "ready"
    first, second = await ask.submit(), await ask.submit(BEN)
    await ask("POST", f"/jobs/{first}/cancel")
    await ask("DELETE", f"/jobs/{first}")
    ready, *events, queue = await told(ask, 6, start)
    assert ready[:2] == ("ready" if start != "0" else "reset", start)
    assert [kind for kind, _, _ in events] == ["deleted", "state", "deleted", "deleted"]
    assert (events[1][2]["id"], events[1][2]["owner"]) == (second, "ben")
    assert queue[0] == "queue"
    assert queue[2] == {"queued": 1, "jobs": [{"id": second, "position": 1, "eta_s": None}]}
    assert (await told(ask, 3, events[0][1]))[1:] == events[1:3]
    assert (await told(ask, 1, "1-0"))[0][0] == "reset"


async def test_a_notice_to_a_private_network_is_refused_at_once(ask: Client) -> None:
    for address in ("http://127.0.0.1:9/", "http://169.254.169.254/latest", "ftp://example.org"):
        answer = await ask("POST", "/jobs", json=BODY | {"notify": address})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "notify"]
