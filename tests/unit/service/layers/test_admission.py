"""Predictions in progress: counted however they arrive, refused beyond the limit; slow uploads take no slot."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from threading import Event

import httpx
import pytest

from model_store import ModelStore
from service.errors import Overloaded
from service.predict.capacity import Capacity
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.slow_store import SlowStore
from tests.unit.service.tiny_networks import grey_picture, publish

pytestmark = pytest.mark.anyio

PNG = {"Content-Type": "image/png"}
SLOTS = 2


@pytest.fixture
def slow_store(store: ModelStore) -> SlowStore:
    publish(store, "ready")
    publish(store, "held")
    publish(store, "ready")  # the newest, which is loaded at the start
    return SlowStore(store)


@pytest.fixture
def held(slow_store: SlowStore) -> Iterator[Event]:
    """Until it is set, requests for the model `held` keep their slots."""
    let_go = slow_store.hold("held", 1)
    yield let_go
    let_go.set()


@asynccontextmanager
async def serving(settings: ApiSettings, store: ModelStore, **limits: int) -> AsyncIterator[httpx.AsyncClient]:
    app = app_of(settings.model_copy(update={"max_predictions": SLOTS, **limits}), store)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        yield api


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def ask(api: httpx.AsyncClient, model: str) -> httpx.Response:
    return await api.post(f"/models/{model}/predict", content=grey_picture(5), headers=PNG)


async def upload(api: httpx.AsyncClient, goes_on: asyncio.Event, path: str = "/models/ready/predict") -> httpx.Response:
    picture = grey_picture(5)

    async def hesitant() -> AsyncIterator[bytes]:
        yield picture[:40]
        await goes_on.wait()
        yield picture[40:]

    return await api.post(path, content=hesitant(), headers=PNG)


async def test_more_predictions_than_slots_are_told_to_come_back(
    settings: ApiSettings, slow_store: SlowStore, held: Event
) -> None:
    async with serving(settings, slow_store) as api:
        inside = [asyncio.create_task(ask(api, "held")) for _ in range(SLOTS)]
        await settled()
        refused = await api.post("/v2/models/ready/infer", json={})
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        problem = await ask(api, "ready")
        assert (problem.status_code, problem.json()["code"]) == (429, "overloaded")
        assert problem.headers["content-type"] == "application/problem+json"
        assert (await api.get("/healthz")).status_code == 200
        held.set()
        assert [answer.status_code for answer in await asyncio.gather(*inside)] == [200] * SLOTS
        assert (await ask(api, "ready")).status_code == 200


@pytest.mark.parametrize("path", ["/models/ready/predict", "/models/ready/predict?top_k=5&top_k=5"])
async def test_slow_uploads_do_not_keep_others_out(settings: ApiSettings, slow_store: SlowStore, path: str) -> None:
    async with serving(settings, slow_store) as api:
        goes_on = asyncio.Event()
        slow = [asyncio.create_task(upload(api, goes_on, path)) for _ in range(10 * SLOTS)]
        await settled()
        assert (await ask(api, "ready")).status_code == 200
        goes_on.set()
        codes = {answer.status_code for answer in await asyncio.gather(*slow)}
        assert codes <= {200, 429}  # all at once they are too many
        assert 200 in codes


async def test_an_upload_that_ends_when_all_slots_are_taken_is_refused(
    settings: ApiSettings, slow_store: SlowStore, held: Event
) -> None:
    async with serving(settings, slow_store) as api:
        goes_on = asyncio.Event()
        slow = asyncio.create_task(upload(api, goes_on))
        await settled()
        inside = [asyncio.create_task(ask(api, "held")) for _ in range(SLOTS)]
        await settled()
        goes_on.set()
        assert (await slow).json()["code"] == "overloaded"
        held.set()
        assert [answer.status_code for answer in await asyncio.gather(*inside)] == [200] * SLOTS


async def test_unfinished_bodies_are_bounded_by_their_bytes(settings: ApiSettings, slow_store: SlowStore) -> None:
    async with serving(settings, slow_store, max_body_bytes=1024) as api:
        goes_on = asyncio.Event()
        n_too_many = 8 * 1024 // 40 + 1
        slow = [asyncio.create_task(upload(api, goes_on)) for _ in range(n_too_many)]
        await settled()
        refused = [task.result() for task in slow if task.done()]
        assert [answer.status_code for answer in refused] == [429]
        goes_on.set()
        await asyncio.gather(*slow)
        assert (await ask(api, "ready")).status_code == 200


def test_a_refusal_tells_how_long_predictions_take() -> None:
    capacity = Capacity(slots=1, held_bytes=1)
    for _ in range(200):
        capacity.enter()
        capacity.leave(took_s=3.0)
    capacity.enter()
    with pytest.raises(Overloaded) as refused:
        capacity.enter()
    assert refused.value.retry_after_s == 3
    capacity.leave(took_s=3.0)
    capacity.enter()
