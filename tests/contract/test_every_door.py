"""The same picture through every door: each gives the probabilities that `POST /predict` gives, to 1e-5.

A route at which a key with the scope `predict` may post is a door. One that this file does not go through fails the
last test.
"""

import base64
import http.server
import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import convserve
import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import uvicorn
from huggingface_hub import InferenceClient
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from model_store import open_store
from service.app import create_app
from service.cli.commands import app as command_line
from service.fast.protocol import FastProtocol
from service.fetching.fetcher import FetchRules, PictureFetcher
from service.keys import route_scopes
from service.keys.callers import KeyScope
from service.settings import ApiSettings
from tests.busy_machine import PATIENCE_S, wait_until
from tests.contract.test_protocol_clients import network
from tests.unit.service.tiny_networks import publish

LABELS = tuple(f"class {place}" for place in range(10))
SHAPE = (8, 6, 3)
MODEL, PROJECT = "noise", 7
CHOICES = "".join(f'<Choice value="{label}"/>' for label in LABELS)
CONFIG = f'<View><Image name="image" value="$image"/><Choices name="choice" toName="image">{CHOICES}</Choices></View>'
BINARY = {"Inference-Header-Content-Length": "0", "Content-Type": "application/octet-stream"}

Answer = dict[str, float]
"""Probability by label, of those that the door names."""


@dataclass
class Visit:
    """What a door is asked with.

    Attributes:
        url: of the server.
        pixels: uint8, shape (8, 6, 3), the picture.
        png: the same as a file.
        path: where that file is.
        link: where it is on a server for pictures.
    """

    url: str
    pixels: NDArray[np.uint8]
    png: bytes
    path: Path
    link: str

    @property
    def b64(self) -> str:
        return base64.b64encode(self.png).decode()

    @property
    def tensor(self) -> NDArray[np.float32]:
        return self.pixels.astype(np.float32)[np.newaxis] / np.float32(255)

    def send(self, path: str, method: str = "POST", **options: Any) -> Any:  # noqa: ANN401 - any JSON value
        answer = httpx.request(method, self.url + path, timeout=60, **options)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()


def of_predict(answer: Any) -> Answer:  # noqa: ANN401 - any JSON value
    return {line["label"]: line["probability"] for line in answer["predictions"][0]["top_k"]}


def of_hub(answer: Any) -> Answer:  # noqa: ANN401 - any JSON value
    return {line["label"]: line["score"] for line in answer}


def in_order(row: Any) -> Answer:  # noqa: ANN401 - any list of numbers
    return dict(zip(LABELS, map(float, row), strict=True))


def form(visit: Visit, path: str) -> Answer:
    return of_predict(visit.send(f"{path}?top_k=10", files={"file": ("a.png", visit.png)}))


def raw(method: str, content_type: str | None, query: str = "?top_k=10") -> Callable[[Visit, str], Answer]:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return lambda visit, path: of_predict(visit.send(f"{path}{query}", method, content=visit.png, headers=headers))


def in_json(field_of: Callable[[Visit], dict[str, Any]]) -> Callable[[Visit, str], Answer]:
    return lambda visit, path: of_predict(visit.send(f"{path}?top_k=10", json=field_of(visit)))


def instances(visit: Visit, path: str) -> Answer:
    as_file = in_order(visit.send(path, json={"instances": [{"b64": visit.b64}]})["predictions"][0])
    as_numbers = in_order(visit.send(path, json={"instances": visit.tensor.tolist()})["predictions"][0])
    assert as_file == pytest.approx(as_numbers, abs=1e-5)
    return as_file


def classify(visit: Visit, path: str) -> Answer:
    return dict(visit.send(path, json={"examples": [{"images": {"b64": visit.b64}}]})["results"][0])


def infer(visit: Visit, path: str) -> Answer:
    said = {"name": "images", "shape": [1, *SHAPE], "datatype": "FP32", "data": visit.tensor.ravel().tolist()}
    as_json = in_order(visit.send(path, json={"inputs": [said]})["outputs"][0]["data"])
    answer = httpx.post(visit.url + path, content=visit.tensor.tobytes(), headers=BINARY, timeout=60)
    assert in_order(np.frombuffer(answer.content[-40:], "<f4")) == pytest.approx(as_json, abs=1e-5)
    return as_json


def triton_client(visit: Visit, path: str) -> Answer:
    tensor = triton.InferInput("images", [1, *SHAPE], "UINT8")
    tensor.set_data_from_numpy(visit.pixels[np.newaxis])
    with triton.InferenceServerClient(visit.url.removeprefix("http://")) as client:
        return in_order(client.infer(MODEL, [tensor]).as_numpy("probabilities")[0])


def hub_client(visit: Visit, path: str) -> Answer:
    found = InferenceClient(model=f"{visit.url}/models/{MODEL}").image_classification(visit.png, top_k=10)
    return {line.label: line.score for line in found}


def hub_raw(visit: Visit, path: str) -> Answer:
    return of_hub(visit.send(path, content=visit.png))


def hub_inputs(visit: Visit, path: str) -> Answer:
    return of_hub(visit.send(path, json={"inputs": visit.b64, "parameters": {"top_k": 10}}))


def sagemaker(visit: Visit, path: str) -> Answer:
    wishes = {"X-Amzn-SageMaker-Custom-Attributes": "top_k=10", "Content-Type": "application/x-image"}
    return of_predict(visit.send(path, content=visit.png, headers=wishes))


def label_studio(visit: Visit, path: str) -> Answer:
    wishes = {"model": MODEL}
    visit.send("/setup", json={"project": f"{PROJECT}.1", "schema": CONFIG, "extra_params": wishes})
    task = {"id": 1, "data": {"image": f"data:image/png;base64,{visit.b64}"}}
    answer = visit.send(path, json={"tasks": [task], "project": f"{PROJECT}.1", "label_config": CONFIG})
    (result,) = answer["results"][0]["result"]
    return {result["value"]["choices"][0]: result["score"]}


def python_client(visit: Visit, path: str) -> Answer:
    with convserve.Client(visit.url) as client:
        return {line.label: line.probability for line in client.predict(visit.path, MODEL, top_k=10).top_k}


def command(visit: Visit, path: str) -> Answer:
    words = ["predict", str(visit.path), "--url", visit.url, "--model", MODEL, "--top-k", "10", "--json"]
    done = CliRunner().invoke(command_line, words)
    assert done.exit_code == 0, done.output
    return of_predict(json.loads(done.stdout))


def agent(visit: Visit, path: str) -> Answer:
    call = {"name": "predict", "arguments": {"model": MODEL, "image": visit.b64, "top_k": 10}}
    answer = visit.send(path, json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    return of_predict(answer["result"]["structuredContent"])


OWN = [
    "/predict",
    f"/models/{MODEL}/predict",
    f"/models/{MODEL}/versions/1/predict",
    f"/models/{MODEL}/aliases/best/predict",
]
V1, V2 = f"/v1/models/{MODEL}", f"/v2/models/{MODEL}"
DOORS: dict[str, tuple[Callable[[Visit, str], Answer], list[str]]] = {
    "form": (form, OWN),
    "raw": (raw("POST", "image/png"), OWN),
    "raw, by the routes": (raw("POST", "image/png", "?top_k=10&not_sure_below=0.0"), OWN),
    "raw without a type": (raw("POST", None), OWN),
    "curl -T": (raw("PUT", None), OWN),
    "curl --data-binary": (raw("POST", "application/x-www-form-urlencoded"), OWN),
    "base64": (in_json(lambda visit: {"images": [{"b64": visit.b64}]}), OWN),
    "data: URL": (in_json(lambda visit: {"images": [{"b64": f"data:image/png;base64,{visit.b64}"}]}), OWN),
    "base64 alone": (in_json(lambda visit: {"b64": visit.b64}), OWN),
    "URL": (in_json(lambda visit: {"url": visit.link}), OWN),
    "TensorFlow Serving": (instances, [f"{V1}:predict", f"{V1}/versions/1:predict", f"{V1}/labels/first:predict"]),
    "TensorFlow Serving's classes": (
        classify,
        [f"{V1}:classify", f"{V1}/versions/1:classify", f"{V1}/labels/first:classify"],
    ),
    "Open Inference Protocol": (infer, [f"{V2}/infer", f"{V2}/versions/1/infer"]),
    "Triton's client": (triton_client, [""]),
    "Hugging Face": (hub_raw, ["/", f"/models/{MODEL}", f"/models/{MODEL}@first", f"/models/{MODEL}/versions/1"]),
    "Hugging Face, inputs": (hub_inputs, ["/", f"/models/{MODEL}", "/predict"]),
    "Hugging Face's client": (hub_client, [""]),
    "SageMaker": (sagemaker, ["/invocations"]),
    "Vertex AI": (instances, ["/vertex/predict"]),
    "Label Studio": (label_studio, ["/predict"]),
    "Model Context Protocol": (agent, ["/mcp"]),
    "Python client": (python_client, [""]),
    "command line": (command, [""]),
}
NO_DOORS = {
    *(f"/v1/models/{{model}}{at}:regress" for at in ("", "/versions/{version}", "/labels/{label}")),
    "/v1/models/{rest:path}",
    *(f"/models/{{name}}{at}/feedback" for at in ("", "/versions/{version}", "/aliases/{alias}")),
}
"""Routes of the scope `predict` that never give probabilities."""


class _Pictures(http.server.BaseHTTPRequestHandler):
    picture = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(self.picture)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    directory = tmp_path_factory.mktemp("doors")
    store = open_store(str(directory / "store"))
    publish(store, MODEL, {"model.onnx": network(1)}, classes=LABELS, input_shape=SHAPE)
    store.set_alias(MODEL, "first", 1)
    settings = ApiSettings(
        data_dir=directory, redis_url=f"unix://{directory}/nobody-listens.sock", store_url=str(directory / "store")
    )
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, http=FastProtocol, log_config=None, ws="none"))
    pixels = np.random.default_rng(5).integers(0, 256, SHAPE, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    (directory / "picture.png").write_bytes(buffer.getvalue())
    handler = type("Handler", (_Pictures,), {"picture": buffer.getvalue()})
    with socket.socket() as listener, http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as pictures:
        listener.bind(("127.0.0.1", 0))
        threads = [
            threading.Thread(target=server.run, kwargs={"sockets": [listener]}),
            threading.Thread(target=pictures.serve_forever),
        ]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: server.started, PATIENCE_S)
            rules = FetchRules(True, settings.max_picture_bytes, settings.max_body_bytes, 10)
            fetcher = PictureFetcher(rules, is_allowed=lambda address: address == "127.0.0.1")
            app.state.service = replace(app.state.service, fetcher=fetcher)
            yield Visit(
                f"http://127.0.0.1:{listener.getsockname()[1]}",
                pixels,
                buffer.getvalue(),
                directory / "picture.png",
                f"http://127.0.0.1:{pictures.server_address[1]}/picture.png",
            )
        finally:
            server.should_exit = True
            pictures.shutdown()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def expected(visit: Visit) -> Answer:
    answer = form(visit, f"/models/{MODEL}/predict")
    assert len(answer) == 10
    assert sum(answer.values()) == pytest.approx(1, abs=1e-5)
    return answer


@pytest.mark.parametrize("name", DOORS)
def test_the_same_picture_has_the_same_probabilities(visit: Visit, expected: Answer, name: str) -> None:
    door, paths = DOORS[name]
    for path in paths:
        found = door(visit, path)
        assert found
        assert found == pytest.approx({label: expected[label] for label in found}, abs=1e-5), path


def test_no_door_is_left_out() -> None:
    rows = route_scopes.ROWS.items()
    routes = {
        route.template for route, scope in rows if scope is KeyScope.PREDICT and route.method == "POST"
    } - NO_DOORS
    paths = [path for _, paths in DOORS.values() for path in paths]
    patterns = {route: re.compile(re.sub(r"{[^}]+}", "[^/:@]+", route) + "$") for route in routes}
    assert {route for route, pattern in patterns.items() if not any(map(pattern.match, paths))} == set()
