"""The film of a version over HTTP, by number and by alias."""

import httpx
import pytest

from model_store import ModelStore
from tests.unit.service.tiny_networks import brightness_network, grey_picture, publish

pytestmark = pytest.mark.anyio

FILM = b'{"epochs":[0],"kernels":[[]],"pictures":[],"confusion":[[[1]]],"classes":["a"]}'


async def test_a_film_is_sent_as_it_was_recorded(api: httpx.AsyncClient, store: ModelStore) -> None:
    strip = grey_picture(2)
    publish(store, files={"model.onnx": brightness_network(), "film.json": FILM, "film.png": strip})
    for target in ("versions/1", "aliases/latest"):
        film = await api.get(f"/models/brightness/{target}/film")
        assert film.headers["Content-Type"] == "application/json"
        assert film.json()["epochs"] == [0]
        picture = await api.get(f"/models/brightness/{target}/film.png")
        assert (picture.headers["Content-Type"], picture.content) == ("image/png", strip)
        etag = picture.headers["ETag"]
        again = await api.get(f"/models/brightness/{target}/film.png", headers={"If-None-Match": etag})
        assert again.status_code == 304


@pytest.mark.usefixtures("brightness")
async def test_a_version_without_a_film_says_how_to_get_one(api: httpx.AsyncClient) -> None:
    for ending in ("film", "film.png"):
        answer = await api.get(f"/models/brightness/versions/1/{ending}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_recorded")
        assert "POST /jobs" in answer.json()["detail"]
