"""`GET /datasets/{name}/pictures`: which class a label or a number names."""

import httpx
import pytest

from service.datasets.pictures import DatasetPictures
from worker.datasets import DatasetNotFound

pytestmark = pytest.mark.anyio


async def test_a_class_is_named_by_its_label_or_by_its_whole_number(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    async def page(_: object, name: str, split: str, class_index: int | None, *rest: object) -> None:
        asked.append(class_index)
        raise DatasetNotFound(name, [])

    monkeypatch.setattr(DatasetPictures, "page", page)
    for label in ("Ankle boot", "9", "0000000009"):
        await api.get("/datasets/fashion_mnist_sample/pictures", params={"label": label})
    assert asked == [9, 9, 9]
    for label in ("10", "00000000010", "9" * 200):
        answer = await api.get("/datasets/fashion_mnist_sample/pictures", params={"label": label})
        assert answer.json()["errors"][0]["loc"] == ["query", "label"]
