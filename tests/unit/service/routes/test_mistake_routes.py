"""Mistakes over HTTP: with their pictures and explanations, and where another version says something else."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from model_store import ModelStore
from service.inside.drawing.mistake_gallery import draw_gallery
from service.models.mistake_rows import MistakeRow, OtherAnswer
from tests.unit.service.tiny_networks import CLASSES, brightness_network, publish
from worker.reports.mistakes import Mistake, Mistakes

pytestmark = pytest.mark.anyio


def with_mistakes(
    store: ModelStore, *answers: tuple[int, int, int], total: int | None = None, data: str = "ab", **recipe: object
) -> None:
    """Publish a version with mistakes, each as index, true class and answer."""
    made = Mistakes(
        pictures=100,
        total=len(answers) if total is None else total,
        mistakes=tuple(
            Mistake(index=i, true=CLASSES[true], predicted=CLASSES[said], probability=0.9, true_probability=0.1)
            for i, true, said in answers
        ),
    )
    files = {"model.onnx": brightness_network(), "mistakes.json": made.model_dump_json().encode()}
    publish(store, files=files, dataset_fingerprint=data * 32, recipe=recipe)


async def rows(api: httpx.AsyncClient, **query: object) -> list[dict[str, Any]]:
    answer = await api.get("/models/brightness/versions/1/mistakes", params={k: str(v) for k, v in query.items()})
    found: list[dict[str, Any]] = answer.json()["mistakes"]
    return found


async def test_a_row_leads_to_its_picture_and_to_an_explanation(api: httpx.AsyncClient, store: ModelStore) -> None:
    with_mistakes(store, (12, 1, 2))
    (row,) = await rows(api)
    assert row["url"] == "/datasets/greys/pictures/test/12.png"
    assert row["explain"] == "/models/brightness/versions/1/explain?dataset=greys&split=test&index=12"
    assert row["other"] is None
    through_alias = await api.get("/models/brightness/aliases/latest/mistakes")
    assert through_alias.json()["mistakes"] == [row]


async def test_only_what_another_version_says_otherwise_is_listed(api: httpx.AsyncClient, store: ModelStore) -> None:
    with_mistakes(store, (1, 1, 2), (2, 1, 3), (3, 1, 4))
    with_mistakes(store, (1, 1, 2), (2, 1, 5), (9, 1, 4))
    found = await rows(api, of="brightness/2")
    assert [row["index"] for row in found] == [2, 3]
    assert [row["other"]["predicted"] for row in found] == [CLASSES[5], CLASSES[1]]
    assert [row["other"]["probability"] for row in found] == [0.9, None]
    assert [row["index"] for row in await rows(api, of="brightness@latest", worst=1)] == [2]


async def test_what_the_other_version_has_not_kept_is_not_claimed(api: httpx.AsyncClient, store: ModelStore) -> None:
    with_mistakes(store, (1, 1, 2), (3, 1, 4))
    with_mistakes(store, (1, 1, 5), total=50)
    assert [row["other"]["predicted"] for row in await rows(api, of="brightness/2")] == [CLASSES[5], None]


async def test_versions_that_were_tested_on_other_pictures_are_not_compared(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    with_mistakes(store, (1, 1, 2))
    with_mistakes(store, (1, 1, 2), data="cd")
    with_mistakes(store, (1, 1, 2), test_samples=20)
    for of, status in (("brightness/2", 422), ("brightness/3", 422), ("brightness/7", 404), ("a b", 422)):
        answer = await api.get("/models/brightness/versions/1/mistakes", params={"of": of})
        assert answer.status_code == status


def test_mistakes_are_drawn_in_rows_of_five() -> None:
    made = Mistake(index=3, true="犬", predicted="cat", probability=0.9, true_probability=0.1)
    row = MistakeRow(**made.model_dump(), url="/p", explain="/e", other=OtherAnswer(predicted=None, probability=None))
    heights = []
    for n, side in ((5, 28), (7, 300)):
        pictures = [np.random.default_rng(n).integers(0, 255, (side, side, 1), np.uint8)] * n
        with Image.open(io.BytesIO(draw_gallery([row] * n, pictures, "some version", "mistakes"))) as gallery:
            heights.append(gallery.height)
            assert np.asarray(gallery.convert("L")).std() > 20
    assert heights[1] > heights[0] + 160


async def test_pictures_of_a_dataset_that_is_gone_are_not_drawn(api: httpx.AsyncClient, store: ModelStore) -> None:
    with_mistakes(store, (1, 1, 2))
    answer = await api.get("/models/brightness/versions/1/mistakes.png")
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")
