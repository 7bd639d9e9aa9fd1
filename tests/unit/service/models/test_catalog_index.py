"""The cached index: fresh when it must be, shared when it can be."""

import asyncio
from collections.abc import Iterator

import pytest

from model_store import AliasNotFound, ArtifactCorrupt, ModelNotFound, ModelStore, VersionNotFound
from service.errors import NothingPublished
from service.models.catalog import Catalog
from service.models.index import Damage, Reference
from tests.unit.service.tiny_networks import publish
from worker.jobs.lineage import parse_reference

pytestmark = pytest.mark.anyio


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def catalog(store: ModelStore, clock: FakeClock) -> Iterator[Catalog]:
    catalog = Catalog(store, refresh_s=1.0, clock=clock)
    yield catalog
    catalog.close()


async def test_the_index_is_read_again_once_it_is_old(catalog: Catalog, store: ModelStore, clock: FakeClock) -> None:
    publish(store, "alpha")
    assert list((await catalog.index()).models) == ["alpha"]
    publish(store, "beta")
    clock.now += 1.0
    assert list((await catalog.index()).models) == ["alpha"]
    clock.now += 0.1
    assert list((await catalog.index()).models) == ["alpha", "beta"]


async def test_refresh_shows_what_was_published_before_it_was_called(
    catalog: Catalog, store: ModelStore, clock: FakeClock
) -> None:
    await catalog.index()
    publish(store, "alpha")
    clock.now += 0.001
    assert list((await catalog.refresh()).models) == ["alpha"]


async def test_a_version_is_found_as_a_job_names_it(catalog: Catalog, store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "alpha")
    store.set_alias("alpha", "best-so-far", 1)
    index = await catalog.index()
    for word, number in (("alpha", 2), ("alpha/1", 1), ("alpha@best-so-far", 1)):
        found = index.find(parse_reference(word))
        assert found is not None
        assert found.version == number
    for word in ("beta", "alpha/3", "alpha@other"):
        assert index.find(parse_reference(word)) is None


async def test_many_callers_share_one_reading(catalog: Catalog, store: ModelStore) -> None:
    publish(store, "alpha")
    indexes = await asyncio.gather(*(catalog.index() for _ in range(50)))
    assert len({id(index) for index in indexes}) == 1


async def test_a_caller_who_leaves_does_not_stop_the_others(catalog: Catalog, store: ModelStore) -> None:
    publish(store, "alpha")
    leaving = asyncio.create_task(catalog.index())
    staying = asyncio.create_task(catalog.index())
    await asyncio.sleep(0)
    leaving.cancel()
    assert list((await staying).models) == ["alpha"]


async def test_a_name_that_is_missing_is_looked_up_afresh(
    catalog: Catalog, store: ModelStore, clock: FakeClock
) -> None:
    with pytest.raises(NothingPublished):
        await catalog.resolve(Reference())
    publish(store, "alpha")
    clock.now += 0.001
    assert (await catalog.resolve(Reference("alpha"))).version == 1
    publish(store, "alpha")
    store.set_alias("alpha", "new", 2)
    clock.now += 0.001
    assert (await catalog.resolve(Reference("alpha", version=2))).version == 2
    assert (await catalog.resolve(Reference("alpha", alias="new"))).version == 2


async def test_what_is_nowhere_is_named_exactly(catalog: Catalog, store: ModelStore) -> None:
    publish(store, "alpha")
    with pytest.raises(ModelNotFound):
        await catalog.resolve(Reference("beta"))
    with pytest.raises(VersionNotFound):
        await catalog.resolve(Reference("alpha", version=3))
    with pytest.raises(AliasNotFound):
        await catalog.resolve(Reference("alpha", alias="new"))


async def test_a_damaged_version_stays_out_of_service_until_it_is_deleted(
    catalog: Catalog, store: ModelStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, "alpha")
    publish(store, "alpha")
    for _ in range(3):
        await catalog.mark_damaged(Damage("alpha", 2, "model.onnx"))
        assert (await catalog.resolve(Reference("alpha"))).version == 1
        with pytest.raises(ArtifactCorrupt):
            await catalog.resolve(Reference("alpha", version=2))
        clock.now += 5
    assert caplog.text.count("version 2 of model alpha is damaged") == 1
    store.delete_version("alpha", 2)
    assert (await catalog.refresh()).damaged() == set()


async def test_a_version_tested_on_few_pictures_is_not_the_best(catalog: Catalog, store: ModelStore) -> None:
    publish(store, "alpha", metrics={"test_accuracy": 0.99}, recipe={"test_samples": 20})
    publish(store, "alpha", metrics={"test_accuracy": 0.7})
    publish(store, "alpha", metrics={"test_accuracy": 0.6})
    best = (await catalog.index()).models["alpha"].best
    assert best is not None
    assert best.version == 2


async def test_a_store_that_does_not_answer_in_time_is_named_in_the_log(
    catalog: Catalog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.models.catalog.STORE_PATIENCE_S", 0.0)

    assert not await catalog.is_store_up()
    assert [record.getMessage() for record in caplog.records] == [
        "not ready: the model store did not answer within 0 s"
    ]
