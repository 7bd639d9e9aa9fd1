"""The Open Inference Protocol through the application: health, metadata, inference, statuses."""

import gzip
import json
import zlib
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import ModelStore
from tests.unit.service.protocols.conftest import error_of
from tests.unit.service.tiny_networks import CLASSES, brightness_network, publish

pytestmark = pytest.mark.anyio

INFER = "/v2/models/brightness/infer"
LENGTH = "Inference-Header-Content-Length"


def rows(response: httpx.Response) -> NDArray[np.float32]:
    assert response.status_code == 200, response.text
    (output,) = response.json()["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def with_binary(pixels: NDArray[Any], **request: object) -> tuple[bytes, dict[str, str]]:
    tail = pixels.tobytes()
    datatype = {"uint8": "UINT8", "float32": "FP32"}[str(pixels.dtype)]
    tensor = {"name": "images", "shape": list(pixels.shape), "datatype": datatype}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(tail)}}], **request}).encode()
    return head + tail, {LENGTH: str(len(head))}


async def test_the_server_says_it_lives_is_ready_and_what_it_can(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v2/health/live")).json() == {"live": True}
    assert (await api.get("/v2/health/ready")).json() == {"ready": True, "live": True}
    server = (await api.get("/v2")).json()
    assert server["name"] == "convserve"
    assert server["extensions"] == ["binary_tensor_data", "classification", "model_repository"]


@pytest.mark.parametrize("place", ["", "/versions/1", "/versions/champion"])
async def test_a_model_has_one_input_and_one_output(served: httpx.AsyncClient, place: str) -> None:
    described = await served.get(f"/v2/models/brightness{place}")
    assert described.status_code == 200
    assert described.json() == {
        "name": "brightness",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 4, 4, 3]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }
    ready = await served.get(f"/v2/models/brightness{place}/ready")
    assert (ready.status_code, ready.json()) == (200, {"name": "brightness", "ready": True})


async def test_the_highest_number_is_the_default_and_versions_ascend(api: httpx.AsyncClient, store: ModelStore) -> None:
    for _ in range(11):
        publish(store)
    assert (await api.get("/v2/models/brightness")).json()["versions"] == [str(number) for number in range(1, 12)]


async def test_real_versions_come_before_aliases_and_the_answer_names_the_version(
    api: httpx.AsyncClient, store: ModelStore, infer_body: dict[str, Any]
) -> None:
    for _ in range(3):
        publish(store)
    for alias, version in (("1", 2), ("7", 2), ("champion", 1)):
        assert (await api.put(f"/models/brightness/aliases/{alias}", json={"version": version})).status_code == 200
    for place, answering in (
        ("", "3"),
        ("/versions/1", "1"),
        ("/versions/2", "2"),
        ("/versions/7", "2"),
        ("/versions/champion", "1"),
    ):
        answer = await api.post(f"/v2/models/brightness{place}/infer", json=infer_body)
        assert answer.json()["model_version"] == answering, place


async def test_a_query_parameter_is_no_version(served: httpx.AsyncClient) -> None:
    assert (await served.get("/v2/models/brightness?version=7&model=x")).status_code == 200


async def test_every_encoding_of_a_picture_has_the_same_answer(
    served: httpx.AsyncClient, pixels: NDArray[np.uint8], scaled: NDArray[np.float32], infer_body: dict[str, Any]
) -> None:
    expected = rows(await served.post(INFER, json=infer_body))
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-6)
    nested = {"inputs": [{**infer_body["inputs"][0], "data": scaled.tolist()}]}
    integers = {"inputs": [{**infer_body["inputs"][0], "datatype": "UINT8", "data": pixels.tolist()}]}
    for body in (nested, integers):
        np.testing.assert_allclose(rows(await served.post(INFER, json=body)), expected, atol=1e-6)
    for tensor in (pixels, scaled):
        content, headers = with_binary(tensor)
        np.testing.assert_allclose(
            rows(await served.post(INFER, content=content, headers=headers)), expected, atol=1e-6
        )
    for place in (0, 1):
        raw = await served.post(INFER, content=scaled[place].tobytes(), headers={LENGTH: "0"})
        tail = raw.content[int(raw.headers[LENGTH]) :]
        assert raw.headers["content-type"] == "application/octet-stream"
        np.testing.assert_allclose(np.frombuffer(tail, "<f4"), expected[place], atol=1e-6)


async def test_many_pictures_are_answered_in_parts_and_in_order(served: httpx.AsyncClient) -> None:
    greys = np.linspace(0, 255, 300).astype(np.uint8)
    pictures = np.broadcast_to(greys[:, None, None, None], (300, 4, 4, 3)).copy()
    content, headers = with_binary(pictures)
    found = rows(await served.post(INFER, content=content, headers=headers))
    assert found.shape == (300, 10)
    np.testing.assert_array_equal(found.argmax(axis=1), np.round(greys / 255 * 9).astype(int))


async def test_no_pictures_are_no_answers(served: httpx.AsyncClient) -> None:
    body = {"inputs": [{"name": "images", "shape": [0, 4, 4, 3], "datatype": "FP32", "data": []}]}
    assert rows(await served.post(INFER, json=body)).shape == (0, 10)


async def test_bodies_are_read_whatever_their_content_type(
    served: httpx.AsyncClient, infer_body: dict[str, Any]
) -> None:
    content = json.dumps(infer_body).encode()
    for headers in (
        {},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Type": "multipart/form-data"},
    ):
        assert (await served.post(INFER, content=content, headers=headers)).status_code == 200

    async def chunks() -> Any:  # noqa: ANN401 - an asynchronous generator
        for at in range(0, len(content), 100):
            yield content[at : at + 100]

    assert (await served.post(INFER, content=chunks())).status_code == 200


async def test_the_id_comes_back_and_classes_come_in_words(
    served: httpx.AsyncClient, infer_body: dict[str, Any]
) -> None:
    probabilities = rows(await served.post(INFER, json=infer_body))
    wish = {"outputs": [{"name": "probabilities", "parameters": {"classification": 3}}], "id": "seven"}
    answer = (await served.post(INFER, json=infer_body | wish)).json()
    assert answer["id"] == "seven"
    (output,) = answer["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 3])
    for row, words in zip(probabilities, np.reshape(output["data"], (2, 3)).tolist(), strict=True):
        best = np.argsort(-row, kind="stable")[:3]
        assert words == [f"{row[index]:.6f}:{index}:{CLASSES[index]}" for index in best]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compression_works_both_ways(
    served: httpx.AsyncClient, scaled: NDArray[np.float32], encoding: str, infer_body: dict[str, Any]
) -> None:
    content, headers = with_binary(scaled, parameters={"binary_data_output": True})
    squeezed = (gzip if encoding == "gzip" else zlib).compress(content)
    headers |= {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    answer = await served.post(INFER, content=squeezed, headers=headers)
    assert answer.headers["content-encoding"] == encoding
    head = json.loads(answer.content[: int(answer.headers[LENGTH])])
    assert head["outputs"][0]["parameters"] == {"binary_data_size": 80}
    plain = rows(await served.post(INFER, json=infer_body, headers={"Accept-Encoding": "identity"}))
    np.testing.assert_allclose(
        np.frombuffer(answer.content[int(answer.headers[LENGTH]) :], "<f4").reshape(2, 10), plain, atol=1e-6
    )


async def test_only_answers_to_inference_are_compressed(served: httpx.AsyncClient, infer_body: dict[str, Any]) -> None:
    accept = {"Accept-Encoding": "gzip, deflate"}
    assert (await served.post(INFER, json=infer_body, headers=accept)).headers["content-encoding"] == "gzip"
    for response in (
        await served.get("/v2", headers=accept),
        await served.get("/v2/models/brightness", headers=accept),
        await served.post("/v2/repository/index", headers=accept),
        await served.post(INFER, json={}, headers=accept),
        await served.post(INFER, json=infer_body, headers={"Accept-Encoding": "br, zstd"}),
    ):
        assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Encoding": "gzip"}, 400),
        ({"Content-Encoding": "deflate"}, 400),
        ({"Content-Encoding": "br"}, 415),
        ({LENGTH: "x"}, 400),
        ({LENGTH: "-1"}, 400),
        ({LENGTH: "999999"}, 400),
        ({LENGTH: "0"}, 400),
    ],
)
async def test_headers_that_lie_are_refused(
    served: httpx.AsyncClient, infer_body: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    response = await served.post(INFER, json=infer_body, headers=headers)
    assert response.status_code == status
    error_of(response)


async def test_bodies_have_a_limit_compressed_or_not(served: httpx.AsyncClient) -> None:
    for response in (
        await served.post(INFER, content=bytes(200_001)),
        await served.post(INFER, content=gzip.compress(bytes(200_001)), headers={"Content-Encoding": "gzip"}),
    ):
        assert response.status_code == 413
        error_of(response)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/nobody", 404),
        ("GET", "/v2/models/nobody/ready", 404),
        ("GET", "/v2/models/brightness/versions/9", 404),
        ("GET", "/v2/models/brightness/versions/9/ready", 404),
        ("GET", "/v2/models/brightness/versions/nothing", 404),
        ("GET", "/v2/models/brightness/versions/01", 404),
        ("GET", f"/v2/models/brightness/versions/{'9' * 5000}", 404),
        ("GET", "/v2/models/" + "ü" * 5000, 404),
        ("POST", "/v2/models/nobody/infer", 404),
        ("POST", "/v2/models/brightness/versions/9/infer", 404),
        ("POST", "/v2/models/brightness/versions/nothing/infer", 404),
        ("POST", INFER, 400),
        ("GET", INFER, 405),
        ("DELETE", "/v2/models/brightness", 405),
        ("POST", "/v2/health/live", 405),
        ("GET", "/v2/repository/index", 405),
        ("GET", "/v2/nothing/here", 404),
        ("PUT", "/v2/nothing/here", 404),
        ("GET", "/v2/", 404),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_every_error_has_the_protocol_s_body(
    served: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await served.request(method, path)
    assert response.status_code == status
    assert len(error_of(response)) <= 600


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e38", "1e999"])
async def test_pixels_without_an_answer_are_never_a_fault_of_the_server(served: httpx.AsyncClient, value: str) -> None:
    data = ", ".join([value] * 48)
    content = '{"inputs": [{"name": "images", "shape": [1, 4, 4, 3], "datatype": "FP32", "data": [' + data + "]}]}"
    assert (await served.post(INFER, content=content)).status_code == 400
    assert (await served.get("/readyz")).json()["damaged"] == []


async def test_a_damaged_version_is_503_and_the_default_passes_it_over(
    api: httpx.AsyncClient, store: ModelStore, infer_body: dict[str, Any]
) -> None:
    publish(store)
    publish(store, files={"model.onnx": b"garbage"})
    publish(store, files={"model.onnx": brightness_network(sharpness=float("nan"))})
    broken = await api.post("/v2/models/brightness/versions/2/infer", json=infer_body)
    assert broken.status_code == 503
    error_of(broken)
    assert (await api.get("/v2/models/brightness/versions/2/ready")).status_code == 503
    no_numbers = await api.post("/v2/models/brightness/versions/3/infer", json=infer_body)
    assert no_numbers.status_code == 503
    assert (await api.get("/v2/models/brightness")).json()["versions"] == ["1"]


async def test_the_service_s_own_errors_keep_their_own_body(served: httpx.AsyncClient) -> None:
    for path in ("/v3", "/v20", "/models/nobody"):
        response = await served.get(path)
        assert response.headers["content-type"] == "application/problem+json"
