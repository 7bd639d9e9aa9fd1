"""Who is ahead on a dataset."""

from typing import Any

import httpx
import pytest

from model_store import ModelStore
from tests.unit.service.tiny_networks import publish

pytestmark = pytest.mark.anyio


def entered(store: ModelStore, owner: str, accuracy: float, **changes: Any) -> None:  # noqa: ANN401 - facts of any type
    publish(store, f"of-{owner}", None, owner=owner, metrics={"test_accuracy": accuracy, "test_loss": 0.3}, **changes)


async def test_the_best_version_of_every_owner_is_ranked(api: httpx.AsyncClient, store: ModelStore) -> None:
    entered(store, "ada", 0.7)
    entered(store, "ben", 0.8)
    entered(store, "ada", 0.9)
    entered(store, "ada", 0.6)
    entered(store, "cleo", 0.8)
    entered(store, "cleo", 0.99, dataset="others")
    entered(store, "dan", 0.95, doctor={"worst": "error"}, passed_over="output_collapsed")
    board = (await api.get("/leaderboard?dataset=greys")).json()
    assert [(row["rank"], row["owner"], row["version"], row["versions"]) for row in board["rows"]] == [
        (1, "ada", 2, 3),
        (2, "ben", 1, 1),
        (2, "cleo", 1, 1),
    ]


async def test_only_versions_tested_on_the_same_data_are_compared(api: httpx.AsyncClient, store: ModelStore) -> None:
    entered(store, "ada", 0.99, dataset_fingerprint="cd" * 32)
    entered(store, "ben", 0.5)
    entered(store, "cleo", 0.9, recipe={"test_samples": 20})
    board = (await api.get("/leaderboard?dataset=greys")).json()
    assert board["fingerprint"] == "ab" * 32
    assert [row["owner"] for row in board["rows"]] == ["ben"]


async def test_a_dataset_without_versions_has_an_empty_board_and_an_unknown_one_none(api: httpx.AsyncClient) -> None:
    empty = await api.get("/leaderboard?dataset=fashion_mnist")
    assert (empty.status_code, empty.json()["rows"]) == (200, [])
    unknown = await api.get("/leaderboard?dataset=nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "dataset_not_found")
