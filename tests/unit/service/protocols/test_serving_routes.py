"""TensorFlow Serving's REST API through the application: status, metadata, predict, classify, statuses."""

import base64
import gzip
import io
import json

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_store import ModelStore
from tests.unit.service.protocols.conftest import error_of
from tests.unit.service.tiny_networks import CLASSES, grey_picture, publish

pytestmark = pytest.mark.anyio

MODEL = "/v1/models/brightness"
PREDICT = f"{MODEL}:predict"
OK = {"error_code": "OK", "error_message": ""}


def png(image: NDArray[np.uint8]) -> dict[str, str]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return {"b64": base64.b64encode(buffer.getvalue()).decode()}


async def test_the_status_names_every_version_or_the_one_asked_for(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    publish(store, files={"model.onnx": b"garbage"})
    publish(store)
    await api.put("/models/brightness/aliases/champion", json={"version": 1})
    await api.get("/v2/models/brightness/versions/2/ready")  # finds the damage
    first = {"version": "1", "state": "AVAILABLE", "status": OK}
    second = {
        "version": "2",
        "state": "END",
        "status": {"error_code": "DATA_LOSS", "error_message": "model.onnx is damaged"},
    }
    third = {"version": "3", "state": "AVAILABLE", "status": OK}
    for place, lines in (
        ("", [first, second, third]),
        ("/versions/1", [first]),
        ("/versions/2", [second]),
        ("/labels/champion", [first]),
    ):
        response = await api.get(MODEL + place)
        assert (response.status_code, response.json()) == (200, {"model_version_status": lines})


@pytest.mark.parametrize("place", ["", "/versions/1", "/versions/001", "/labels/champion", "/labels/%63hampion"])
async def test_metadata_is_one_signature(served: httpx.AsyncClient, place: str) -> None:
    metadata = (await served.get(f"{MODEL}{place}/metadata")).json()
    assert metadata["model_spec"] == {"name": "brightness", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    (tensor,) = signature["inputs"].values()
    assert list(signature["inputs"]) == ["images"]
    assert tensor["dtype"] == "DT_FLOAT"
    assert tensor["tensor_shape"] == {
        "dim": [{"size": size, "name": ""} for size in ("-1", "4", "4", "3")],
        "unknown_rank": False,
    }
    assert signature["outputs"]["probabilities"]["tensor_shape"]["dim"][1] == {"size": "10", "name": ""}


async def test_rows_columns_names_and_files_have_the_same_answer(
    served: httpx.AsyncClient, pixels: NDArray[np.uint8], scaled: NDArray[np.float32]
) -> None:
    images, files = scaled.tolist(), [png(image) for image in pixels]
    expected = np.array((await served.post(PREDICT, json={"instances": images})).json()["predictions"], np.float32)
    assert expected.shape == (2, 10)
    for request, key in (
        ({"instances": [{"images": image} for image in images]}, "predictions"),
        ({"instances": files}, "predictions"),
        ({"instances": [{"images": file} for file in files]}, "predictions"),
        ({"inputs": images}, "outputs"),
        ({"inputs": {"images": images}}, "outputs"),
        ({"inputs": files}, "outputs"),
        ({"inputs": {"images": files}}, "outputs"),
    ):
        for place in ("", "/versions/1", "/labels/champion"):
            response = await served.post(f"{MODEL}{place}:predict", json=request)
            assert response.status_code == 200, response.text
            assert list(response.json()) == [key]
            np.testing.assert_allclose(np.array(response.json()[key], np.float32), expected, atol=1e-6)


async def test_one_picture_is_a_list_of_one_list(served: httpx.AsyncClient, scaled: NDArray[np.float32]) -> None:
    response = await served.post(PREDICT, json={"instances": scaled[:1].tolist()})
    assert np.shape(response.json()["predictions"]) == (1, 10)


async def test_classify_names_every_class_in_order(
    served: httpx.AsyncClient, pixels: NDArray[np.uint8], scaled: NDArray[np.float32]
) -> None:
    predicted = (await served.post(PREDICT, json={"instances": scaled.tolist()})).json()["predictions"]
    flat = {"examples": [{"images": image.ravel().tolist()} for image in scaled]}
    files = {"examples": [{"images": png(image)} for image in pixels], "context": {}}
    for request in (flat, files):
        response = await served.post(f"{MODEL}:classify", json=request)
        assert list(response.json()) == ["results"]
        for row, probabilities in zip(response.json()["results"], predicted, strict=True):
            assert [label for label, _ in row] == list(CLASSES)
            np.testing.assert_allclose([score for _, score in row], probabilities, atol=1e-6)


async def test_a_picture_of_any_size_and_kind_is_converted(served: httpx.AsyncClient) -> None:
    for kind, mode in (("PNG", "RGBA"), ("JPEG", "L"), ("PNG", "P")):
        file = {"b64": base64.b64encode(grey_picture(6, kind, mode, side=50)).decode()}
        (row,) = (await served.post(PREDICT, json={"instances": [file]})).json()["predictions"]
        assert np.argmax(row) == 6


async def test_bodies_may_be_compressed_and_of_any_type(served: httpx.AsyncClient, scaled: NDArray[np.float32]) -> None:
    content = json.dumps({"instances": scaled.tolist()}).encode()
    plain = await served.post(PREDICT, content=content, headers={"Content-Type": "application/x-www-form-urlencoded"})
    packed = await served.post(PREDICT, content=gzip.compress(content), headers={"Content-Encoding": "gzip"})
    assert plain.json() == packed.json()
    assert plain.status_code == 200


async def test_what_is_no_number_goes_in_and_comes_out(served: httpx.AsyncClient) -> None:
    image = _image_of("NaN")
    response = await served.post(PREDICT, content=f'{{"instances": [{image}]}}')
    assert response.status_code == 200
    assert np.isnan(response.json()["predictions"]).all()


def _image_of(token: str) -> str:
    row = f"[{', '.join([f'[{token}, {token}, {token}]'] * 4)}]"
    return f"[{', '.join([row] * 4)}]"


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (b"no picture", "not a picture"),
        (b"", "empty"),
        (grey_picture(3)[:-30], "decoded"),
        (bytes(50_001), "too large"),
        (b"GIF89a" + bytes(100), "GIF"),
    ],
)
async def test_files_that_are_no_pictures_are_400(served: httpx.AsyncClient, picture: bytes, reason: str) -> None:
    files = [grey_picture(1), picture]
    request = {"instances": [{"b64": base64.b64encode(file).decode()} for file in files]}
    response = await served.post(PREDICT, json=request)
    assert response.status_code == 400
    assert "picture 1" in error_of(response)
    assert reason in error_of(response)


async def test_files_have_a_number_and_pictures_a_size(served: httpx.AsyncClient) -> None:
    file = {"b64": base64.b64encode(grey_picture(3)).decode()}
    assert (await served.post(PREDICT, json={"instances": [file] * 9})).status_code == 413
    buffer = io.BytesIO()
    Image.new("1", (70_000, 2000)).save(buffer, "PNG")
    vast = {"b64": base64.b64encode(buffer.getvalue()).decode()}
    response = await served.post(PREDICT, json={"instances": [vast]})
    assert response.status_code == 400
    assert "pixels" in error_of(response)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", PREDICT, "", 400),
        ("POST", PREDICT, "{", 400),
        ("POST", PREDICT, "[]", 400),
        ("POST", PREDICT, "[" * 100_000, 400),
        ("POST", PREDICT, '{"instances": ' + "[" * 100_000, 400),
        ("POST", PREDICT, "{}", 400),
        ("POST", PREDICT, '{"instances": [], "inputs": []}', 400),
        ("POST", PREDICT, '{"instances": []}', 400),
        ("POST", PREDICT, '{"instances": [[1]]}', 400),
        ("POST", PREDICT, '{"signature_name": "other", "instances": [[1]]}', 400),
        ("POST", f"{MODEL}:classify", "{}", 400),
        ("POST", f"{MODEL}:classify", '{"examples": [null]}', 400),
        ("POST", f"{MODEL}:regress", '{"examples": [{}]}', 400),
        ("POST", f"{MODEL}:explain", "{}", 400),
        ("POST", MODEL, "{}", 400),
        ("GET", PREDICT, "", 400),
        ("GET", f"{MODEL}/versions/1:predict", "", 400),
        ("PUT", PREDICT, "{}", 405),
        ("DELETE", MODEL, "", 405),
        ("POST", f"{MODEL}/labels/nobody:predict", "{}", 400),
        ("GET", f"{MODEL}/labels/nobody", "", 400),
        ("GET", f"{MODEL}/labels/nobody/metadata", "", 400),
        ("POST", f"{MODEL}/versions/9:predict", "{}", 404),
        ("POST", f"{MODEL}/versions/9:classify", "{}", 404),
        ("POST", f"{MODEL}/versions/9:regress", "{}", 404),
        ("GET", f"{MODEL}/versions/9", "", 404),
        ("GET", f"{MODEL}/versions/9/metadata", "", 404),
        ("POST", "/v1/models/nobody:predict", "{}", 404),
        ("POST", "/v1/models/nobody:classify", "{}", 404),
        ("POST", "/v1/models/nobody:regress", "{}", 404),
        ("POST", "/v1/models/nobody/labels/x:predict", "{}", 404),
        ("GET", "/v1/models/nobody", "", 404),
        ("GET", "/v1/models/nobody/metadata", "", 404),
        ("GET", f"{MODEL}/versions/champion", "", 400),
        ("GET", f"{MODEL}/versions/{'9' * 5000}", "", 400),
        ("GET", f"{MODEL}/versions/-1", "", 400),
        ("GET", f"{MODEL}/versions/²", "", 400),
        ("GET", f"{MODEL}/versions/1/labels/champion", "", 400),
        ("POST", f"{MODEL}/versions/1/labels/champion:predict", "{}", 400),
        ("GET", "/v1/models/a%2Fb", "", 400),
        ("GET", "/v1", "", 404),
        ("GET", "/v1/nothing", "", 404),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_every_error_has_the_protocol_s_body(
    served: httpx.AsyncClient, method: str, path: str, content: str, status: int
) -> None:
    response = await served.request(method, path, content=content)
    assert response.status_code == status, response.text
    error_of(response)


async def test_an_unknown_signature_is_named(served: httpx.AsyncClient) -> None:
    response = await served.post(PREDICT, json={"signature_name": "other", "instances": [1]})
    assert "'other'" in error_of(response)
