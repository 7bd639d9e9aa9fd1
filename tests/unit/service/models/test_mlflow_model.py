"""`MLmodel` as MLflow's documentation describes the format: flavours, signature, metadata."""

import json
from datetime import datetime

import httpx
import jsonschema
import pytest
import yaml

from model_store import ModelStore
from tests.unit.service.tiny_networks import CLASSES, SIDE, publish

pytestmark = pytest.mark.anyio

FLAVOUR = {"type": "object", "required": ["data"], "properties": {"data": {"const": "model.onnx"}}}
FORMAT = {
    "type": "object",
    "required": ["flavors", "model_uuid", "signature", "utc_time_created"],
    "properties": {
        "flavors": {
            "type": "object",
            "required": ["onnx", "python_function"],
            "properties": {
                "onnx": FLAVOUR | {"required": ["data", "providers"]},
                "python_function": FLAVOUR | {"required": ["data", "loader_module"]},
            },
        },
        "model_uuid": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "signature": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "properties": {"inputs": {"type": "string"}, "outputs": {"type": "string"}},
        },
        "utc_time_created": {"type": "string"},
        "metadata": {"type": "object"},
    },
}


@pytest.mark.parametrize("target", ["versions/1", "aliases/latest"])
async def test_mlflow_finds_the_network_and_its_tensors(api: httpx.AsyncClient, store: ModelStore, target: str) -> None:
    classes = ("no", "1: yes", "ünï\x85code", *CLASSES[3:])
    manifest = publish(store, classes=classes)
    answer = await api.get(f"/models/brightness/{target}/MLmodel")
    assert answer.headers["content-type"].startswith("application/yaml")
    found = yaml.safe_load(answer.text)
    jsonschema.validate(found, FORMAT)
    (given,), (answered,) = (json.loads(found["signature"][end]) for end in ("inputs", "outputs"))
    assert given == {
        "type": "tensor",
        "tensor-spec": {"dtype": "float32", "shape": [-1, SIDE, SIDE, 3]},
        "name": "images",
    }
    assert (answered["name"], answered["tensor-spec"]["shape"]) == ("probabilities", [-1, 10])
    assert tuple(found["metadata"]["classes"]) == classes
    assert datetime.fromisoformat(found["utc_time_created"]) == manifest.published_at.replace(tzinfo=None)
