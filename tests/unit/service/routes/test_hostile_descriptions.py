"""Descriptions made to do harm, sent as jobs and within grids: refused at once, and without taking memory."""

import json
import tracemalloc
from typing import Any

import httpx
import pytest

from tests.cpu_time import at_most_cpu_s

pytestmark = pytest.mark.anyio

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
PEAK_BYTES, AT_ONCE_S = 20_000_000, 5
CONV: dict[str, Any] = {"type": "conv2d", "filters": 4096, "kernel_size": 32, "padding": "same"}


def nested(depth: int) -> dict[str, Any]:
    layer: dict[str, Any] = {"type": "flatten"}
    for _ in range(depth):
        layer = {"type": "residual", "layers": [layer]}
    return layer


HOSTILE: dict[str, dict[str, Any]] = {
    "huge number": {"layers": [CONV | {"filters": 10**300}, {"type": "flatten"}, OUTPUT]},
    "too many parameters": {"layers": [CONV, CONV, {"type": "flatten"}, OUTPUT]},
    "enormous vector": {"input_size": [512, 512], "layers": [CONV | {"kernel_size": 1}, {"type": "flatten"}, OUTPUT]},
    "too many layers": {"layers": [{"type": "flatten"}] * 400},
    "deep nesting": {"layers": [nested(6), OUTPUT]},
    "too many branches": {"layers": [{"type": "branches", "branches": [[]] * 500}, OUTPUT]},
    "a map of size zero": {"layers": [CONV | {"filters": 1, "padding": "valid"}, {"type": "flatten"}, OUTPUT]},
    "a huge input": {"input_size": [10**9, 10**9], "layers": [{"type": "flatten"}, OUTPUT]},
}


@pytest.mark.parametrize("way", ["alone", "in a grid", "as a grid's value"])
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_description_is_refused_at_once(api: httpx.AsyncClient, name: str, way: str) -> None:
    body: dict[str, Any] = {"dataset": "fashion_mnist_sample", "epochs": 1}
    match way:
        case "alone":
            body["architecture"] = HOSTILE[name]
        case "in a grid":
            body |= {"architecture": HOSTILE[name], "grid": {"seed": list(range(100))}}
        case _:
            body["grid"] = {"architecture": ["cnn", HOSTILE[name]]}
    content = json.dumps(body).encode()
    tracemalloc.start()
    try:
        with at_most_cpu_s(AT_ONCE_S):
            answer = await api.post("/jobs", content=content, headers={"Content-Type": "application/json"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer.status_code == 422, answer.text
    assert peak < PEAK_BYTES


@pytest.mark.parametrize("architecture", ["[" * 5_000 + "]" * 5_000, '{"layers": [{"type": "dropout", "rate": NaN}]}'])
async def test_what_is_no_json_to_us_never_gets_that_far(api: httpx.AsyncClient, architecture: str) -> None:
    content = f'{{"dataset": "fashion_mnist_sample", "architecture": {architecture}}}'
    answer = await api.post("/jobs", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "json_invalid")
