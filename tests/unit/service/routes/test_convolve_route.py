"""`POST /convolve`: the lesson's demonstrations on one's own picture."""

import base64
import io
import json
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.datasets.pictures import DatasetPictures
from tests.archives import encoded, encoded_noise
from worker.pictures.convolution import KERNELS, Operation, apply, shown

pytestmark = pytest.mark.anyio
GREY = np.random.default_rng(1).integers(0, 256, (12, 10, 1), dtype=np.uint8)
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
PNG = {"Content-Type": "image/png"}


async def answered(api: httpx.AsyncClient, query: dict[str, str], **body: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = await api.post("/convolve", params=query, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_numbers_shapes_and_pictures_come_back(api: httpx.AsyncClient) -> None:
    query = {"kernel": "blur", "stride": "2", "padding": "same", "pooling": "max", "pool_size": "2"}
    found = await answered(api, query, content=encoded(GREY), headers=PNG)
    values, steps = apply(GREY, Operation(KERNELS["blur"], 2, "same", "max", 2))
    assert np.allclose(found["values"], values, atol=1e-3)
    assert found["output_shape"] == list(values.shape) == [3, 2, 1]
    assert found["input_shape"] == [12, 10, 1]
    assert found["steps"] == [json.loads(step.model_dump_json()) for step in steps]
    assert found["max"] == pytest.approx(values.max())
    seen = Image.open(io.BytesIO(base64.b64decode(found["seen"].partition(",")[2])))
    assert np.array_equal(np.asarray(seen), GREY[..., 0])


async def test_a_kernel_of_ones_own_in_the_query_a_form_or_a_json_body(api: httpx.AsyncClient) -> None:
    data = encoded(GREY)
    by_query = await answered(api, {"kernel": json.dumps(SOBEL)}, content=data, headers=PNG)
    by_form = await answered(api, {"kernel": json.dumps(SOBEL)}, files={"file": ("a.png", data)})
    body = {"images": [{"b64": base64.b64encode(data).decode()}], "kernel": SOBEL}
    by_body = await answered(api, {}, json=body)
    assert by_query == by_form == by_body
    assert by_query["kernel"] == SOBEL


async def test_a_png_shows_the_result(api: httpx.AsyncClient) -> None:
    answer = await api.post("/convolve", params={"format": "png"}, content=encoded(GREY), headers=PNG)
    values, _ = apply(GREY, Operation(KERNELS["edge"]))
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), shown(values, KERNELS["edge"])[..., 0])


async def test_a_large_colour_picture_is_reduced_and_not_cropped(api: httpx.AsyncClient) -> None:
    large = np.zeros((512, 1024, 3), np.uint8)
    found = await answered(api, {"values": "false"}, content=encoded(large), headers=PNG)
    assert found["input_shape"] == [128, 256, 3]
    assert found["values"] is None


@pytest.mark.parametrize(
    ("query", "body", "where"),
    [
        ({"kernel": "emboss"}, {}, ["query", "kernel"]),
        ({"kernel": "[[1,2],[3]]"}, {}, ["query", "kernel"]),
        ({"kernel": json.dumps([[1.0] * 16])}, {}, ["query", "kernel"]),
        ({"kernel": "[[1e9]]"}, {}, ["query", "kernel"]),
        ({"stride": "0"}, {}, ["query", "stride"]),
        ({"padding": "full"}, {}, ["query", "padding"]),
        ({"pool_size": "17"}, {}, ["query", "pool_size"]),
        ({"size": "3"}, {}, ["query", "size"]),
        ({"dataset": "cifar10"}, {}, ["query", "index"]),
        ({"kernel": json.dumps([[1.0] * 15] * 15)}, {}, ["query", "kernel"]),
        ({}, {"stride": 99}, ["body", "stride"]),
        ({}, {"shift": 1}, ["body", "shift"]),
        ({}, {"images": [{"b64": base64.b64encode(encoded(GREY)).decode()}] * 2}, ["body"]),
    ],
)
async def test_what_cannot_be_done_is_refused(
    api: httpx.AsyncClient, query: dict[str, str], body: dict[str, Any], where: list[str]
) -> None:
    picture = {"images": [{"b64": base64.b64encode(encoded(GREY)).decode()}]}
    answer = await api.post("/convolve", params=query, json=picture | body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert answer.json()["errors"][0]["loc"][: len(where)] == where


@pytest.mark.parametrize(("data", "status"), [(b"GIF89a", 415), (encoded_noise(3)[:99], 422)], ids=["gif", "cut"])
async def test_what_is_no_picture_is_refused(api: httpx.AsyncClient, data: bytes, status: int) -> None:
    assert (await api.post("/convolve", content=data, headers=PNG)).status_code == status


async def test_a_body_beside_a_picture_of_a_dataset_has_options(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def one(*_: object) -> SimpleNamespace:
        return SimpleNamespace(pixels=GREY)

    monkeypatch.setattr(DatasetPictures, "one", one)
    query = {"dataset": "greys", "index": "0"}
    assert (await answered(api, query))["kernel"] == [list(row) for row in KERNELS["edge"]]
    assert (await answered(api, query, json={"kernel": SOBEL}))["kernel"] == SOBEL
    assert (await api.post("/convolve", params=query, content=b"[")).json()["code"] == "json_invalid"
