"""Old versions are deleted by rules, and what would be deleted can be asked first."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from model_store import ModelStore
from service.models import retention
from tests.unit.service.tiny_networks import publish

pytestmark = pytest.mark.anyio

ACCURACIES = (0.5, 0.9, 0.6, 0.8, 0.7, 0.1)


@pytest.fixture
def store(store: ModelStore) -> ModelStore:
    """Six versions of one model, of which the first has an alias, and one of another model."""
    for accuracy in ACCURACIES:
        publish(store, metrics={"test_accuracy": accuracy, "test_loss": 0.3})
    publish(store, "other", metrics={"test_accuracy": 0.1, "test_loss": 0.3})
    store.set_alias("brightness", "production", 1)
    return store


async def versions(api: httpx.AsyncClient) -> list[int]:
    return [version["version"] for version in (await api.get("/models/brightness")).json()["versions"]]


async def test_the_best_the_latest_and_those_with_an_alias_stay(api: httpx.AsyncClient, store: ModelStore) -> None:
    dry = (await api.post("/retention?dry_run=true", json={"keep_best": 2})).json()
    assert dry["dry_run"]
    assert [(version["model"], version["version"]) for version in dry["versions"]] == [
        ("brightness", 3),
        ("brightness", 5),
    ]
    sizes = [sum(file.size_bytes for file in store.manifest("brightness", n).files.values()) for n in (3, 5)]
    assert dry["bytes"] == sum(sizes)
    assert sorted(await versions(api)) == [1, 2, 3, 4, 5, 6]
    done = (await api.post("/retention", json={"keep_best": 2})).json()
    assert (done["dry_run"], done["versions"], done["bytes"]) == (False, dry["versions"], dry["bytes"])
    assert store.versions("brightness") == sorted(await versions(api)) == [1, 2, 4, 6]
    assert store.versions("other") == [1]


async def test_young_versions_stay(api: httpx.AsyncClient, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"older_than_days": 90, "keep_best": 3}
    assert (await api.post("/retention", json=old)).json()["versions"] == []

    real = datetime.now(UTC)
    clock = SimpleNamespace(now=lambda _: real + timedelta(days=91))
    monkeypatch.setattr(retention, "datetime", clock)
    assert [version["version"] for version in (await api.post("/retention", json=old)).json()["versions"]] == [3]


@pytest.mark.parametrize("days", [1e6, 1e300])
async def test_more_days_than_the_calendar_has_keep_everything(api: httpx.AsyncClient, days: float) -> None:
    answer = await api.post("/retention", json={"older_than_days": days})
    assert (answer.status_code, answer.json()["versions"]) == (200, [])


@pytest.mark.parametrize("rules", [{}, {"model": "brightness"}, {"keep_best": 0}, {"older_than_days": -1}, {"keep": 3}])
async def test_rules_that_are_none_are_refused(api: httpx.AsyncClient, rules: dict[str, object]) -> None:
    assert (await api.post("/retention", json=rules)).status_code == 422
