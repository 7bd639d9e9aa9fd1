"""The protocols' real clients against a live server: Triton's, both of them, KServe's, Hugging Face's, and plain HTTP.

One picture has the same probabilities, to 1e-5, through every door.
"""

import asyncio
import base64
import gzip
import io
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
import uvicorn
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tritonclient.utils import InferenceServerException

from model_store import open_store
from service.app import create_app
from service.settings import ApiSettings
from tests.busy_machine import wait_until
from tests.unit.service.tiny_networks import publish

pytestmark = pytest.mark.anyio

SHAPE = (8, 6, 3)
LABELS = tuple(f"class:{place} ü" for place in range(10))
MODEL = "noise"


def network(seed: int) -> bytes:
    """An ONNX file in which every pixel counts, each differently."""
    rng = np.random.default_rng(seed)
    n_values = int(np.prod(SHAPE))
    weights = rng.normal(0, 0.5, (n_values, len(LABELS))).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "noise",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(LABELS)])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a live server with three versions of a model, and the alias `champion` on the first."""
    directory = tmp_path_factory.mktemp("protocols")
    store = open_store(str(directory / "store"))
    for seed in range(3):
        publish(store, MODEL, {"model.onnx": network(seed)}, classes=LABELS, input_shape=SHAPE)
    store.set_alias(MODEL, "champion", 1)
    settings = ApiSettings(
        data_dir=directory, redis_url=f"unix://{directory}/nobody-listens.sock", store_url=str(directory / "store")
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            _wait_until_started(server)
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as client:
        yield client


@pytest.fixture
async def aio_client(address: str) -> AsyncIterator[triton_aio.InferenceServerClient]:
    async with triton_aio.InferenceServerClient(address) as client:
        yield client


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address}", timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """Five pictures of noise."""
    return np.random.default_rng(3).integers(0, 256, (5, *SHAPE), np.uint8)


@pytest.fixture(scope="module")
def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def expected(address: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What `POST /predict` says, in the order of the classes."""
    files = [("file", (f"{place}.png", png(image))) for place, image in enumerate(pixels)]
    answer = httpx.post(f"http://{address}/models/{MODEL}/predict", params={"top_k": len(LABELS)}, files=files).json()
    assert answer["version"] == 3
    ordered = [sorted(found["top_k"], key=lambda line: line["class_index"]) for found in answer["predictions"]]
    return np.array([[line["probability"] for line in lines] for lines in ordered], np.float32)


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def tensor(values: NDArray[Any], *, is_binary: bool = True) -> triton.InferInput:
    found = triton.InferInput("images", list(values.shape), "UINT8" if values.dtype == np.uint8 else "FP32")
    found.set_data_from_numpy(values, binary_data=is_binary)
    return found


def wish(*, is_binary: bool = True, n_classes: int = 0) -> triton.InferRequestedOutput:
    return triton.InferRequestedOutput("probabilities", binary_data=is_binary, class_count=n_classes)


def assert_same(found: ArrayLike, expected: NDArray[np.float32]) -> None:
    assert np.shape(found) == expected.shape
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, atol=1e-5, rtol=0)


def _wait_until_started(server: uvicorn.Server) -> None:
    wait_until(lambda: server.started, 20, pause_s=0.01)


# Triton's client


def test_triton_finds_server_and_model(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "2")
    assert client.is_model_ready(MODEL, "champion")
    assert not client.is_model_ready(MODEL, "9")
    assert not client.is_model_ready("nobody")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata(MODEL)
    assert metadata["versions"] == ["1", "2", "3"]
    assert metadata["inputs"] == [{"name": "images", "datatype": "FP32", "shape": [-1, *SHAPE]}]


@pytest.mark.parametrize("is_binary_in", [True, False])
@pytest.mark.parametrize("outputs", [None, [wish()], [wish(is_binary=False)]], ids=["any", "binary", "json"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_triton_gets_the_same_probabilities_in_every_encoding(
    client: triton.InferenceServerClient,
    pixels: NDArray[np.uint8],
    scaled: NDArray[np.float32],
    expected: NDArray[np.float32],
    is_binary_in: bool,
    outputs: list[Any] | None,
    dtype: str,
) -> None:
    values = pixels if dtype == "uint8" else scaled
    inputs = [tensor(values, is_binary=is_binary_in)]
    result = client.infer(MODEL, inputs, outputs=outputs, request_id="seven")
    assert_same(result.as_numpy("probabilities"), expected)
    response = result.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == (MODEL, "3", "seven")


@pytest.mark.parametrize("request_by", [None, "gzip", "deflate"])
@pytest.mark.parametrize("response_by", [None, "gzip", "deflate"])
@pytest.mark.parametrize("is_binary", [True, False])
def test_triton_compresses_both_ways(
    client: triton.InferenceServerClient,
    pixels: NDArray[np.uint8],
    expected: NDArray[np.float32],
    request_by: str | None,
    response_by: str | None,
    is_binary: bool,
) -> None:
    result = client.infer(
        MODEL,
        [tensor(pixels, is_binary=is_binary)],
        outputs=[wish(is_binary=is_binary)],
        request_compression_algorithm=request_by,
        response_compression_algorithm=response_by,
    )
    assert_same(result.as_numpy("probabilities"), expected)


def test_triton_sends_64_pictures_in_one_tensor(
    client: triton.InferenceServerClient, pixels: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    order = np.random.default_rng(1).integers(0, len(pixels), 64)
    result = client.infer(MODEL, [tensor(pixels[order])])
    assert_same(result.as_numpy("probabilities"), expected[order])


@pytest.mark.parametrize("is_binary", [True, False])
def test_triton_reads_classes_in_words(
    client: triton.InferenceServerClient, pixels: NDArray[np.uint8], is_binary: bool
) -> None:
    probabilities = client.infer(MODEL, [tensor(pixels)]).as_numpy("probabilities")
    outputs = [wish(is_binary=is_binary, n_classes=3)]
    words = client.infer(MODEL, [tensor(pixels)], outputs=outputs).as_numpy("probabilities")
    assert words.shape == (len(pixels), 3)
    for row, found in zip(probabilities, words.tolist(), strict=True):
        texts = [word.decode() if isinstance(word, bytes) else word for word in found]
        assert [text.split(":", 2)[1:] for text in texts] == [
            [str(index), LABELS[index]] for index in np.argsort(-row, kind="stable")[:3]
        ]
        assert texts[0].startswith(f"{row.max():.6f}:")


def test_triton_asks_versions_and_aliases(client: triton.InferenceServerClient, pixels: NDArray[np.uint8]) -> None:
    answers = {}
    for name in ("", "1", "2", "3", "champion"):
        result = client.infer(MODEL, [tensor(pixels)], model_version=name)
        answers[name] = (result.get_response()["model_version"], result.as_numpy("probabilities"))
    assert [version for version, _ in answers.values()] == ["3", "1", "2", "3", "1"]
    np.testing.assert_array_equal(answers["champion"][1], answers["1"][1])
    assert np.abs(answers["1"][1] - answers["2"][1]).max() > 0.01


def test_triton_shows_the_text_of_an_error_and_goes_on(
    client: triton.InferenceServerClient, pixels: NDArray[np.uint8]
) -> None:
    for model, version, values, status in (
        ("nobody", "", pixels, "404"),
        (MODEL, "9", pixels, "404"),
        (MODEL, "", pixels[:, :3], "400"),
        (MODEL, "", pixels[0], "400"),
    ):
        with pytest.raises(InferenceServerException) as raised:
            client.infer(model, [tensor(values)], model_version=version)
        assert raised.value.status() == status
        assert "fit the model" in raised.value.message() or "no " in raised.value.message()
    assert client.infer(MODEL, [tensor(pixels)]).as_numpy("probabilities").shape == (len(pixels), len(LABELS))


def test_triton_unloads_and_loads(
    client: triton.InferenceServerClient, pixels: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    try:
        client.unload_model(MODEL)
        assert not client.is_model_ready(MODEL)
        assert client.is_server_ready()
        assert {line["state"] for line in client.get_model_repository_index()} == {"UNAVAILABLE"}
        with pytest.raises(InferenceServerException, match="unloaded"):
            client.infer(MODEL, [tensor(pixels)])
    finally:
        client.load_model(MODEL)
    index = client.get_model_repository_index()
    assert [(line["name"], line["version"], line["state"]) for line in index] == [
        (MODEL, version, "READY") for version in ("1", "2", "3")
    ]
    assert_same(client.infer(MODEL, [tensor(pixels)]).as_numpy("probabilities"), expected)
    for call in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="nobody"):
            call("nobody")
    with pytest.raises(InferenceServerException, match="config"):
        client.load_model(MODEL, config="{}")


async def test_triton_s_asynchronous_client_does_all_of_it(
    aio_client: triton_aio.InferenceServerClient,
    pixels: NDArray[np.uint8],
    scaled: NDArray[np.float32],
    expected: NDArray[np.float32],
) -> None:
    assert await aio_client.is_server_live()
    assert await aio_client.is_server_ready()
    assert await aio_client.is_model_ready(MODEL)
    assert (await aio_client.get_server_metadata())["name"] == "convserve"
    assert (await aio_client.get_model_metadata(MODEL))["versions"] == ["1", "2", "3"]
    assert len(await aio_client.get_model_repository_index()) == 3
    for values in (pixels, scaled):
        for is_binary in (True, False):
            for algorithm in (None, "gzip", "deflate"):
                result = await aio_client.infer(
                    MODEL,
                    [tensor(values, is_binary=is_binary)],
                    outputs=[wish(is_binary=is_binary)],
                    request_compression_algorithm=algorithm,
                    response_compression_algorithm=algorithm,
                )
                assert_same(result.as_numpy("probabilities"), expected)
    with pytest.raises(InferenceServerException, match="no version 9"):
        await aio_client.infer(MODEL, [tensor(pixels)], model_version="9")
    with pytest.raises(InferenceServerException, match="nobody"):
        await aio_client.get_model_metadata("nobody")


async def test_calls_while_a_model_is_unloaded_and_loaded_are_right_or_refused(
    aio_client: triton_aio.InferenceServerClient, pixels: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    outcomes = set()

    async def ask() -> None:
        for _ in range(25):
            try:
                result = await aio_client.infer(MODEL, [tensor(pixels)])
            except InferenceServerException as error:
                outcomes.add(error.status())
            else:
                outcomes.add("200")
                assert_same(result.as_numpy("probabilities"), expected)

    async def unsettle() -> None:
        for _ in range(8):
            await aio_client.unload_model(MODEL)
            await aio_client.load_model(MODEL)

    await asyncio.gather(unsettle(), *(ask() for _ in range(6)))
    assert outcomes <= {"200", "404"}
    assert "200" in outcomes
    assert await aio_client.is_model_ready(MODEL)


# KServe's client


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("wants_binary", [True, False])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
async def test_kserve_gets_the_same_probabilities(
    address: str,
    pixels: NDArray[np.uint8],
    scaled: NDArray[np.float32],
    expected: NDArray[np.float32],
    is_binary: bool,
    wants_binary: bool,
    dtype: str,
) -> None:
    values = pixels if dtype == "uint8" else scaled
    picture = InferInput("images", list(values.shape), "UINT8" if dtype == "uint8" else "FP32")
    picture.set_data_from_numpy(values, binary_data=is_binary)
    request = InferRequest(MODEL, [picture], parameters={"binary_data_output": wants_binary})
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        assert await client.is_server_live(f"http://{address}")
        assert await client.is_server_ready(f"http://{address}")
        assert await client.is_model_ready(f"http://{address}", MODEL)
        assert not await client.is_model_ready(f"http://{address}", "nobody")
        response = await client.infer(f"http://{address}", request, model_name=MODEL)
        assert response.model_name == MODEL
        assert_same(response.outputs[0].as_numpy(), expected)
        with pytest.raises(httpx.HTTPStatusError, match="there is no model 'nobody'"):
            await client.infer(f"http://{address}", request, model_name="nobody")


async def test_kserve_s_first_protocol_is_tensorflow_serving_s(
    address: str, scaled: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        answer = await client.infer(f"http://{address}", {"instances": scaled.tolist()}, model_name=MODEL)
        assert_same(answer["predictions"], expected)
        with pytest.raises(httpx.HTTPStatusError, match="there is no model 'nobody'"):
            await client.infer(f"http://{address}", {"instances": scaled.tolist()}, model_name="nobody")


# TensorFlow Serving has no client for REST


def test_tensorflow_serving_s_rows_columns_files_and_classes_agree(
    http: httpx.Client, pixels: NDArray[np.uint8], scaled: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    files = [{"b64": b64(png(image))} for image in pixels]
    for request in (
        {"instances": scaled.tolist()},
        {"instances": [{"images": image} for image in scaled.tolist()]},
        {"instances": files},
        {"inputs": {"images": scaled.tolist()}},
        {"inputs": files},
    ):
        for place in ("", "/versions/3"):
            answer = http.post(f"/v1/models/{MODEL}{place}:predict", json=request).json()
            assert_same(answer["predictions" if "instances" in request else "outputs"], expected)
    examples = [{"images": image.ravel().tolist()} for image in scaled]
    results = http.post(f"/v1/models/{MODEL}:classify", json={"examples": examples}).json()["results"]
    assert_same([[score for _, score in row] for row in results], expected)
    assert [label for label, _ in results[0]] == list(LABELS)


def test_a_label_is_an_alias_and_moves_with_it(http: httpx.Client, scaled: NDArray[np.float32]) -> None:
    body = {"instances": scaled.tolist()}

    def answer(place: str) -> object:
        return http.post(f"/v1/models/{MODEL}{place}:predict", json=body).json()["predictions"]

    for version in (2, 1):
        assert http.put(f"/models/{MODEL}/aliases/champion", json={"version": version}).status_code == 200
        assert answer("/labels/champion") == answer(f"/versions/{version}")
        metadata = http.get(f"/v1/models/{MODEL}/labels/champion/metadata").json()
        assert metadata["model_spec"]["version"] == str(version)


def test_a_connection_stays_usable_after_errors(http: httpx.Client, scaled: NDArray[np.float32]) -> None:
    """Bodies that were refused unread or halfway must not spill into the next request."""
    large = {"instances": np.repeat(scaled, 100, axis=0).tolist()}
    for path, status in (
        ("/v1/models/nobody:predict", 404),
        ("/v1/models/noise/versions/x:predict", 400),
        ("/v2/models/nobody/infer", 404),
        ("/v2/nothing", 404),
        ("/v2/models/noise/infer", 400),
    ):
        response = http.post(path, json=large)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/json"
        assert response.json()["error"]
        assert http.get("/v2/health/live").status_code == 200


def test_a_gzipped_body_and_curl_s_content_type_are_fine(
    http: httpx.Client, scaled: NDArray[np.float32], expected: NDArray[np.float32], tmp_path: Path
) -> None:
    body = httpx.Request("POST", "http://x", json={"instances": scaled.tolist()}).content
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content, headers in ((body, form), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        answer = http.post(f"/v1/models/{MODEL}:predict", content=content, headers=headers)
        assert_same(answer.json()["predictions"], expected)


# Hugging Face's client


def test_the_hub_s_client_classifies_bytes_files_and_with_parameters(
    address: str, pixels: NDArray[np.uint8], expected: NDArray[np.float32], tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(png(pixels[0]))
    hub = InferenceClient(model=f"http://{address}/models/{MODEL}")
    whole = hub.image_classification(path.read_bytes(), top_k=len(LABELS))
    assert [line.label for line in whole] == [LABELS[index] for index in np.argsort(-expected[0], kind="stable")]
    assert_same([line.score for line in whole], np.sort(expected[0])[::-1])
    for picture in (path, str(path), path.read_bytes()):
        assert hub.image_classification(picture) == whole[:5]
    for place in (f"/models/{MODEL}/versions/3", "/"):
        other = InferenceClient(model=f"http://{address}{place}")
        assert other.image_classification(path, top_k=2) == whole[:2]
    champion = InferenceClient(model=f"http://{address}/models/{MODEL}@champion")
    assert champion.image_classification(path) != whole[:5]
    with pytest.raises(HfHubHTTPError, match="404 Not Found"):
        InferenceClient(model=f"http://{address}/models/nobody").image_classification(path)
