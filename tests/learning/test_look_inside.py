"""Looking inside a trained network by HTTP: what is answered is what Keras computes."""

import asyncio
import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import keras
import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray
from PIL import Image

from model_store import ModelStore, VersionFacts, open_store
from service.app import create_app
from service.inside.grad_cam import grad_cam, tail_session
from service.inside.sessions import InsideSessions
from service.settings import ApiSettings
from tests.learning.gradients import grad_cam_by_keras, grad_cam_of_any_network
from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from tests.unit.service.tiny_networks import publish
from worker.architectures import Architecture, analyse
from worker.architectures.grammar import Activation
from worker.artifacts import LAYERS_FILE, ONNX_FILE, TAILS_FILE
from worker.inside.record import NetworkRecord, Tails
from worker.pictures.pixels import to_unit_range
from worker.training.export import export_onnx
from worker.training.inside import slopes
from worker.training.inside.recording import mean_of, write_record
from worker.training.network import build_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

V = "/models/lesson/versions/1"
PICTURE = 8
IMAGES = to_unit_range(SAMPLE.test_images[:64])
OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
COMPOSITE: list[dict[str, Any]] = [
    {"type": "conv2d", "filters": 6, "kernel_size": 3, "activation": "relu"},
    {"type": "depthwise_conv2d", "kernel_size": 3, "depth_multiplier": 2},
    {"type": "separable_conv2d", "filters": 6, "kernel_size": 3, "padding": "same", "activation": "silu"},
    {
        "type": "residual",
        "layers": [{"type": "conv2d", "filters": 6, "kernel_size": 3, "padding": "same"}],
    },
    {"type": "activation", "activation": "relu"},
    {
        "type": "branches",
        "branches": [
            [{"type": "conv2d", "filters": 4, "kernel_size": 1, "activation": "relu"}],
            [{"type": "max_pooling2d", "pool_size": 3, "strides": 1, "padding": "same"}],
        ],
    },
    {"type": "batch_normalization"},
    {"type": "dropout", "rate": 0.2},
    {"type": "average_pooling2d", "pool_size": 2},
    {"type": "flatten"},
    OUTPUT,
]


def published(
    store: ModelStore,
    model: str,
    network: keras.Model,
    architecture: Architecture,
    images: NDArray[np.float32],
    directory: Path,
) -> None:
    """Publish what a trainer would: the ONNX file and the record of its layers."""
    classes = SAMPLE.info.classes
    image_shape = (images.shape[1], images.shape[2], images.shape[3])
    export_onnx(network, directory / ONNX_FILE)
    analysis = analyse(architecture, image_shape, len(classes))
    write_record(directory, network, directory / ONNX_FILE, analysis, images, mean_of((images * 255).astype(np.uint8)))
    facts = {
        "classes": classes,
        "input_shape": image_shape,
        "parameters": 1,
        "metrics": {},
        "recipe": {},
        "architecture": {},
        "job": "job",
        "dataset": "fashion_mnist_sample",
        "dataset_fingerprint": "ab" * 32,
        "parity": 0.0,
        "runtime": {},
    }
    with store.draft(model) as draft:
        for name in (ONNX_FILE, LAYERS_FILE, TAILS_FILE):
            draft.add(name, directory / name)
        draft.commit(VersionFacts.model_validate(facts))


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return trained(planned(epochs=3))[0]


@pytest.fixture(scope="module")
def store(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    store = open_store("memory://")
    directory = tmp_path_factory.mktemp("lesson")
    published(store, "lesson", network, planned().network, IMAGES, directory)
    with store.draft("old") as draft:
        draft.add(ONNX_FILE, directory / ONNX_FILE)
        facts = store.manifest("lesson", 1).model_dump(include=set(VersionFacts.model_fields))
        draft.commit(VersionFacts.model_validate(facts))
    store.set_alias("lesson", "production", 1)
    return store


@pytest.fixture(scope="module")
def app(store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    directory = tmp_path_factory.mktemp("data")
    return create_app(ApiSettings(data_dir=directory, redis_url=f"unix://{directory}/nobody.sock"), store)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Api:
    """Asks the service in this process; each call runs the event loop until it is answered."""

    def __init__(self, client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own options
        return self._loop.run_until_complete(self._client.request(method, path, **options))

    def look(self, path: str, model: str = "lesson", picture: int = PICTURE, **parameters: Any) -> Any:  # noqa: ANN401 - JSON or a file
        data = png(SAMPLE.test_images[picture])
        answer = self("POST", f"/models/{model}/versions/1/{path}", params=parameters, content=data, headers=AS_PNG)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.headers["content-type"] == "application/json" else answer.content


@pytest.fixture(scope="module")
def api(app: FastAPI, loop: asyncio.AbstractEventLoop) -> Iterator[Api]:
    context = app.router.lifespan_context(app)
    loop.run_until_complete(context.__aenter__())
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
    yield Api(client, loop)
    loop.run_until_complete(client.aclose())
    loop.run_until_complete(context.__aexit__(None, None, None))


AS_PNG = {"content-type": "image/png"}


def png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def shown(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def outputs_of_keras(network: keras.Model, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    layers = network.layers[1:]
    outputs = keras.Model(network.inputs[0], [layer.output for layer in layers])(images, training=False)
    return {layer.name: np.asarray(output) for layer, output in zip(layers, outputs, strict=True)}


def test_every_layer_is_listed_with_what_can_be_shown(api: Api, network: keras.Model) -> None:
    answer = api("GET", f"{V}/layers").json()

    layers = {layer["name"]: layer for layer in answer["layers"]}
    assert list(layers) == [layer.name for layer in network.layers[1:]]
    assert layers["conv2d"] == {
        "name": "conv2d",
        "type": "conv2d",
        "output_shape": [28, 28, 6],
        "parameters": 60,
        "kernels": 6,
        "maps": 6,
        "dead": [],
        "twins": [],
        "share_active": layers["conv2d"]["share_active"],
        "explainable": True,
    }
    assert all(0 <= share <= 1 for share in layers["conv2d"]["share_active"])
    assert (layers["flatten"]["maps"], layers["dense"]["kernels"], layers["conv2d_2"]["explainable"]) == (0, 0, False)
    assert api("GET", "/models/lesson/aliases/production/layers").json() == answer


def test_kernels_are_those_of_keras(api: Api, network: keras.Model) -> None:
    for name in ("conv2d", "conv2d_1", "conv2d_2"):
        expected = np.asarray(network.get_layer(name).kernel)
        answer = api("GET", f"{V}/layers/{name}/kernels").json()
        assert answer["shape"] == list(expected.shape)
        np.testing.assert_allclose(answer["values"], expected, atol=1e-6)
        assert answer["deviation"] == pytest.approx(expected.std(), rel=1e-5)
        assert shown(api("GET", f"{V}/layers/{name}/kernels.png").content).width == 880
    one = api("GET", f"{V}/layers/conv2d_1/kernels?filter=3").json()
    np.testing.assert_allclose(one["values"], np.asarray(network.get_layer("conv2d_1").kernel)[..., 3:4], atol=1e-6)


def test_maps_are_those_of_keras(api: Api, network: keras.Model) -> None:
    expected = outputs_of_keras(network, IMAGES[PICTURE : PICTURE + 1])

    answer = api.look("maps")

    seen = shown(base64.b64decode(answer["seen"].removeprefix("data:image/png;base64,")))
    assert np.array_equal(np.asarray(seen), SAMPLE.test_images[PICTURE][..., 0])
    for layer in answer["layers"]:
        values = expected[layer["name"]][0]
        axes = tuple(range(values.ndim - 1))
        for name, of in (("min", np.min), ("max", np.max), ("mean", np.mean), ("deviation", np.std)):
            np.testing.assert_allclose([channel[name] for channel in layer["maps"]], of(values, axis=axes), atol=1e-5)
    (one,) = api.look("maps", layer="conv2d_1", values="true")["layers"]
    np.testing.assert_allclose(one["values"], expected["conv2d_1"][0], atol=1e-4)
    (channel,) = api.look("maps", layer="conv2d_1", values="true", channel=2)["layers"]
    np.testing.assert_allclose(channel["values"], expected["conv2d_1"][0][..., 2:3], atol=1e-4)


@pytest.mark.parametrize(("image_shape", "layers"), [((28, 28, 1), COMPOSITE), ((40, 32, 3), COMPOSITE)])
def test_every_layer_of_a_network_with_branches_is_found(
    image_shape: tuple[int, int, int], layers: list[dict[str, Any]], tmp_path: Path
) -> None:
    architecture = Architecture.model_validate({"layers": layers})
    keras.utils.set_random_seed(1)
    network = build_model(architecture, image_shape, 10)
    images = np.random.default_rng(0).random((16, *image_shape), dtype=np.float32)
    export_onnx(network, tmp_path / ONNX_FILE)

    write_record(
        tmp_path,
        network,
        tmp_path / ONNX_FILE,
        analyse(architecture, image_shape, 10),
        images,
        mean_of((images * 255).astype(np.uint8)),
    )

    record = NetworkRecord.model_validate_json((tmp_path / LAYERS_FILE).read_bytes())
    assert [layer.name for layer in record.layers if layer.tensor is None] == []
    assert [layer.name for layer in record.layers if layer.kernel] == [
        layer.name for layer in record.layers if "conv" in layer.type
    ]
    # Grad-CAM looks only where all paths meet, behind the activation.
    assert record.explainable == (
        *("conv2d", "depthwise_conv2d", "separable_conv2d", "activation", "concatenate"),
        *("batch_normalization", "dropout", "average_pooling2d"),
    )


def test_grad_cam_agrees_with_gradients_of_keras(api: Api, network: keras.Model) -> None:
    for name in ("conv2d", "average_pooling2d", "conv2d_1", "average_pooling2d_1"):
        answer = api.look("explain", method="gradcam", layer=name, label="Shirt")
        expected = grad_cam_by_keras(network, name, IMAGES[PICTURE], SAMPLE.info.classes.index("Shirt"))
        assert (answer["method"], answer["layer"], answer["label"]) == ("gradcam", name, "Shirt")
        assert answer["empty"] == (not expected.any())
        if expected.any():
            assert np.corrcoef(np.ravel(answer["grid"]), expected.ravel())[0, 1] >= 0.999


@pytest.mark.parametrize("activation", get_args(Activation))
def test_grad_cam_agrees_with_keras_behind_every_activation(activation: Activation, tmp_path: Path) -> None:
    behind = [
        {"type": "max_pooling2d", "pool_size": 3, "strides": 2},
        {"type": "conv2d", "filters": 5, "kernel_size": 3, "activation": activation},
        {"type": "flatten"},
        OUTPUT,
    ]
    layers = [{"type": "conv2d", "filters": 4, "kernel_size": 3, "activation": "relu"}, *behind]
    keras.utils.set_random_seed(2)
    network = build_model(Architecture.model_validate({"layers": layers}), (12, 11, 3), 4)
    images = np.random.default_rng(1).random((3, 12, 11, 3), dtype=np.float32)

    found, exact = grad_cam_of(network, Architecture.model_validate({"layers": layers}), images, "conv2d", tmp_path)

    assert "conv2d" in exact
    expected = grad_cam_of_any_network(network, "conv2d", images[:1], 0)
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


def test_grad_cam_pushes_channels_where_a_rule_is_missing(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(slopes._RULES, "Tanh")  # as a file that was written by another exporter

    found, exact = grad_cam_of(network, planned().network, IMAGES[:3], "conv2d", tmp_path)

    assert "conv2d" not in exact
    expected = grad_cam_of_any_network(network, "conv2d", IMAGES[:1], 0)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] >= 0.999


def grad_cam_of(
    network: keras.Model, architecture: Architecture, images: NDArray[np.float32], name: str, directory: Path
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Ours, of the first picture and the first class, and the layers whose tails are exact."""
    shape, n_classes = (images.shape[1], images.shape[2], images.shape[3]), network.output_shape[-1]
    export_onnx(network, directory / ONNX_FILE)
    mean = mean_of((images * 255).astype(np.uint8))
    write_record(directory, network, directory / ONNX_FILE, analyse(architecture, shape, n_classes), images, mean)
    store = open_store("memory://")
    publish(store, "one", {ONNX_FILE: (directory / ONNX_FILE).read_bytes()}, input_shape=shape)
    record = NetworkRecord.model_validate_json((directory / LAYERS_FILE).read_bytes())
    tails = Tails.model_validate_json((directory / TAILS_FILE).read_bytes())
    layer = record.layer(name)
    assert layer is not None
    session = tail_session(InsideSessions(store, 10**9), store.manifest("one", 1), layer, tails)
    return grad_cam(session, record, layer, images[:1], 0, is_exact=name in tails.exact), tails.exact


def test_occlusion_is_a_plain_loop(api: Api, network: keras.Model) -> None:
    answer = api.look("explain")

    patch, stride = answer["patch"], answer["stride"]
    assert (answer["method"], answer["layer"], answer["empty"]) == ("occlusion", None, False)
    assert answer["fill"] == pytest.approx(mean_of(SAMPLE.test_images[:64]), abs=0.01)
    image = IMAGES[PICTURE]
    probabilities = np.asarray(network(image[np.newaxis], training=False))[0]
    best = int(probabilities.argmax())
    assert answer["label"] == SAMPLE.info.classes[best]
    rows = (28 - patch) // stride + 1
    for row in range(rows):
        covered = np.repeat(image[np.newaxis], rows, axis=0)
        for column in range(rows):
            top, left = row * stride, column * stride
            covered[column, top : top + patch, left : left + patch] = answer["fill"]
        drops = probabilities[best] - np.asarray(network(covered, training=False))[:, best]
        np.testing.assert_allclose(answer["grid"][row], drops, atol=1e-5)


def test_explanations_and_maps_can_be_drawn(api: Api) -> None:
    drawings: list[tuple[str, dict[str, Any]]] = [
        ("explain", {}),
        ("explain", {"method": "gradcam"}),
        ("maps", {}),
        ("maps", {"layer": "conv2d"}),
        ("maps", {"layer": "dense"}),
    ]
    for path, parameters in drawings:
        assert shown(api.look(path, format="png", **parameters)).width >= 400


def test_a_changed_picture_is_answered_as_if_it_had_been_sent(api: Api, network: keras.Model) -> None:
    pixels = SAMPLE.test_images[PICTURE]
    body = {
        "images": [{"b64": base64.b64encode(png(pixels)).decode()}],
        "shift": [-4, 0, [0, 3]],
        "brightness": [0.2],
        "occlude": [6],
        "rotate": [0],
        "blur": [1],
        "noise": [0.1],
        "without": [["conv2d", 3], ["conv2d_1", 5], ["dense", 7]],
    }

    answer = api("POST", f"{V}/what-if", json=body).json()

    lines = {(line["change"], str(line["amount"])): line for line in answer["series"]}
    assert len(lines) == 9
    for key in (("shift", "0"), ("rotate", "0.0")):
        assert lines[key]["label"] == answer["original"]["label"]
        assert lines[key]["probability"] == pytest.approx(answer["original"]["probability"], abs=1e-5)
    left = np.concatenate([pixels[:, 4:], np.repeat(pixels[:, -1:], 4, axis=1)], axis=1)
    sent = api("POST", f"{V}/predict", content=png(left), headers=AS_PNG).json()["predictions"][0]
    assert lines["shift", "-4"]["label"] == sent["label"]
    assert lines["shift", "-4"]["probability"] == pytest.approx(sent["probability"], abs=1e-5)
    values, off = IMAGES[PICTURE : PICTURE + 1], {"conv2d": 3, "conv2d_1": 5, "dense": 7}
    for layer in network.layers[1:]:
        values = np.array(layer(values, training=False))
        if layer.name in off:
            values[..., off[layer.name]] = 0
    switched_off = answer["series"][-1]
    assert (switched_off["change"], switched_off["amount"]) == ("without", body["without"])
    assert switched_off["probability"] == pytest.approx(float(values.max()), abs=1e-5)
    same = api.look("what-if", shift="-4,0,0:3", without="conv2d:3,conv2d_1:5,dense:7")["series"]
    assert [line["probability"] for line in same[:1]] == [lines["shift", "-4"]["probability"]]
    assert same[-1] == switched_off


def test_pictures_of_datasets_need_no_body(api: Api) -> None:
    chosen = {"dataset": "fashion_mnist_sample", "split": "test", "index": PICTURE}

    answer = api("POST", f"{V}/explain", params=chosen)

    assert answer.json() == api.look("explain")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/models/old/versions/1/layers", 409, "not_recorded"),
        ("GET", "/models/old/versions/1/layers/conv2d/kernels", 409, "not_recorded"),
        ("POST", "/models/old/versions/1/maps", 409, "not_recorded"),
        ("POST", "/models/old/versions/1/explain", 409, "not_recorded"),
        ("POST", "/models/old/versions/1/explain?method=gradcam&fill=0", 409, "not_recorded"),
        ("POST", "/models/old/versions/1/what-if?without=conv2d:1", 409, "not_recorded"),
        ("GET", f"{V}/layers/flatten/kernels", 404, "layer_not_found"),
        ("GET", f"{V}/layers/nothing/kernels.png", 404, "layer_not_found"),
        ("GET", f"{V}/layers/conv2d/kernels?filter=6", 422, "validation_failed"),
        ("POST", f"{V}/maps?layer=nothing", 404, "layer_not_found"),
        ("POST", f"{V}/maps?values=true", 422, "validation_failed"),
        ("POST", f"{V}/explain?layer=dense", 404, "layer_not_found"),
        ("POST", f"{V}/explain?label=Cat", 422, "validation_failed"),
        ("POST", f"{V}/explain?patch=29", 422, "validation_failed"),
        ("POST", f"{V}/explain?fill=0,0", 422, "validation_failed"),
        ("POST", f"{V}/explain?fill=2", 422, "validation_failed"),
        ("POST", f"{V}/what-if?shift=a", 422, "validation_failed"),
        ("POST", f"{V}/what-if?without=conv2d:6", 422, "validation_failed"),
        ("POST", f"{V}/what-if?without=probabilities:6", 422, "validation_failed"),
        ("POST", "/models/lesson/versions/2/maps", 404, "version_not_found"),
        ("POST", "/models/lesson/aliases/none/maps", 404, "alias_not_found"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_reason(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    body = {"content": png(SAMPLE.test_images[0]), "headers": AS_PNG} if method == "POST" else {}

    answer = api(method, path, **body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_version_without_a_record_names_the_request_that_makes_one(api: Api) -> None:
    detail = api("GET", "/models/old/versions/1/layers").json()["detail"]
    assert "POST /models/old/versions/1/record" in detail


def test_occlusion_with_a_given_colour_and_changes_need_no_record(api: Api) -> None:
    assert api.look("explain", model="old", fill="0.5")["method"] == "occlusion"
    assert len(api.look("what-if", model="old", shift="1,2")["series"]) == 2


def test_options_are_refused_when_they_are_unknown_or_given_twice(api: Api) -> None:
    images = [{"b64": base64.b64encode(png(SAMPLE.test_images[0])).decode()}]
    assert api("POST", f"{V}/explain", json={"images": images, "methid": "gradcam"}).status_code == 422
    assert api("POST", f"{V}/explain?stride=4", json={"images": images, "stride": 4}).status_code == 422
    assert api("POST", f"{V}/explain", json={"images": images * 2}).json()["code"] == "too_many_pictures"
    assert api("POST", f"{V}/explain", json={"images": images, "stride": 4}).json()["stride"] == 4
