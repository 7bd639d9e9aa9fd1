"""A new version replaces the old one under load: no request fails, and every answer comes from one version."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from model_store import ModelStore, StoreUnavailable
from service.inference.engine import Engine, EngineRules
from service.models.catalog import Catalog
from service.models.index import Reference
from service.predict.decode_queue import DecodeRules
from service.predict.decoding import Decoder
from service.predict.predictor import Predictor
from service.predict.rollover import MOST_WAITING, PATIENCE_S, RETRY_S
from service.settings import ApiSettings
from service.splits.splits import Splits
from service.telemetry.stages import Stages
from service.trust.wishes import TrustRecords
from tests.event_loop import LoopClock, turns, until
from tests.unit.service.apps import app_of
from tests.unit.service.slow_store import SlowStore
from tests.unit.service.tiny_networks import brightness_network, grey_picture, publish
from worker.pictures.pixels import PictureLimits

pytestmark = pytest.mark.anyio

BRIGHTNESS = Reference("brightness")
PNG = {"Content-Type": "image/png"}


@pytest.fixture
def slow_store(store: ModelStore) -> SlowStore:
    publish(store)
    return SlowStore(store)


@pytest.fixture
async def clock() -> AsyncIterator[LoopClock]:
    """The event loop's, which stands still until it is told to go on."""
    clock = LoopClock()
    yield clock
    clock.resume()


@pytest.fixture
def predictor(slow_store: SlowStore, stages: Stages) -> Iterator[Predictor]:
    catalog, engine = Catalog(slow_store, refresh_s=0), Engine(slow_store, stages, EngineRules())
    decoder = Decoder(stages, PictureLimits(1000), DecodeRules(), 1000)
    splits = Splits(catalog, engine, lambda: False, lambda _: None)
    yield Predictor(catalog, engine, decoder, TrustRecords(slow_store), splits)
    decoder.close()
    engine.close()
    catalog.close()


async def version(predictor: Predictor) -> int:
    return (await predictor.serving(BRIGHTNESS)).version


async def test_who_asks_after_a_publication_is_answered_by_what_was_published(
    predictor: Predictor, slow_store: SlowStore
) -> None:
    assert await version(predictor) == 1
    publish(slow_store)
    assert await version(predictor) == 2


async def test_no_request_waits_longer_than_a_moment_after_the_loading_began(
    predictor: Predictor, slow_store: SlowStore, clock: LoopClock
) -> None:
    await version(predictor)
    arrives = slow_store.hold("brightness", 2)
    publish(slow_store)
    waiting = asyncio.create_task(version(predictor))
    await until(lambda: slow_store.n_held == 1)
    await turns()
    clock.advance(0.9 * PATIENCE_S)
    await turns()
    assert not waiting.done()
    clock.advance(0.2 * PATIENCE_S)
    assert await waiting == 1
    # From now on no request waits at all: the clock stands still.
    assert [await version(predictor) for _ in range(20)] == [1] * 20
    arrives.set()
    while await version(predictor) == 1:
        await turns()


async def test_few_wait_and_all_others_are_answered_at_once(
    predictor: Predictor, slow_store: SlowStore, clock: LoopClock
) -> None:
    await version(predictor)
    arrives = slow_store.hold("brightness", 2)
    publish(slow_store)
    asking = [asyncio.create_task(version(predictor)) for _ in range(5 * MOST_WAITING)]
    await until(lambda: sum(task.done() for task in asking) == 4 * MOST_WAITING)
    await turns()
    waiting = [task for task in asking if not task.done()]
    assert len(waiting) == MOST_WAITING
    arrives.set()
    assert {task.result() for task in asking if task not in waiting} == {1}
    assert set(await asyncio.gather(*waiting)) == {2}


async def test_a_new_version_that_cannot_be_read_leaves_the_answers_to_the_previous_one(
    predictor: Predictor, slow_store: SlowStore, clock: LoopClock
) -> None:
    await version(predictor)
    slow_store.errors["brightness", 2] = StoreUnavailable("memory://", "gone for a moment")
    publish(slow_store)
    assert [await version(predictor) for _ in range(3)] == [1, 1, 1]
    slow_store.errors.clear()
    clock.advance(0.9 * RETRY_S)
    assert [await version(predictor) for _ in range(3)] == [1, 1, 1]
    clock.advance(0.2 * RETRY_S)
    while await version(predictor) == 1:
        await turns()


async def test_a_new_version_that_is_damaged_is_passed_over(predictor: Predictor, slow_store: SlowStore) -> None:
    await version(predictor)
    publish(slow_store, files={"model.onnx": b"garbage"})
    assert await asyncio.gather(*(version(predictor) for _ in range(20))) == [1] * 20


async def test_many_clients_see_no_failed_and_no_mixed_answer_while_versions_are_published(
    settings: ApiSettings, store: ModelStore
) -> None:
    def publish_next(number: int) -> None:
        network = brightness_network(sharpness=20.0 * number)
        publish(store, files={"model.onnx": network}, classes=tuple(f"v{number} c{n}" for n in range(10)))

    publish_next(1)
    slow_store = SlowStore(store)
    arrivals = [slow_store.hold("brightness", number) for number in (2, 3)]
    app = app_of(settings.model_copy(update={"max_predictions": 2 * MOST_WAITING}), slow_store)
    answers: list[httpx.Response] = []
    is_over = False

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):

        async def client(number: int) -> None:
            path = "/predict" if number % 2 else "/models/brightness/predict"
            while not is_over:
                tenth = len(answers) % 10
                answers.append(
                    await api.post(path, content=grey_picture(tenth), headers={**PNG, "X-Request-ID": f"{tenth}"})
                )

        async def answered(n_more: int) -> None:
            wanted = len(answers) + n_more
            await until(lambda: len(answers) > wanted)

        clients = [asyncio.create_task(client(number)) for number in range(2 * MOST_WAITING)]
        for number, arrives in enumerate(arrivals, 2):
            await answered(20)
            await asyncio.to_thread(publish_next, number)
            await answered(20)  # they go on while the new one is loading
            arrives.set()
        await until(lambda: answers[-1].json()["version"] == 3)
        is_over = True
        await asyncio.gather(*clients)

    assert Counter(answer.status_code for answer in answers) == {200: len(answers)}
    known: dict[tuple[int, str], str] = {}
    for answer in answers:
        found = answer.json()
        tenth, number = answer.headers["X-Request-ID"], found["version"]
        (picture,) = found["predictions"]
        assert picture["label"] == f"v{number} c{tenth}"
        assert known.setdefault((number, tenth), f"{picture['probability']:.5f}") == f"{picture['probability']:.5f}"
    for tenth in "05":
        assert len({known[number, tenth] for number in (1, 2, 3)}) == 3  # each has its own probabilities


async def test_an_alias_moves_when_its_version_is_in_memory(api: httpx.AsyncClient, store: ModelStore) -> None:
    for _ in range(2):
        publish(store)
    for number in (1, 2, 1):
        await api.put("/models/brightness/aliases/champion", json={"version": number})
        answer = await api.post("/models/brightness/aliases/champion/predict", content=grey_picture(1), headers=PNG)
        assert answer.json()["version"] == number
