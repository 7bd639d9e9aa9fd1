"""Pixels for the tiny network, and how its protocols are asked without a client library."""

import json
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import Manifest
from tests.unit.service.tiny_networks import SIDE


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """Two pictures of noise, uint8, shape (2, 4, 4, 3)."""
    return np.random.default_rng(5).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


@pytest.fixture
def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The same, from 0 to 1."""
    return pixels.astype(np.float32) / np.float32(255)


@pytest.fixture
def infer_body(scaled: NDArray[np.float32]) -> dict[str, Any]:
    """A request of the Open Inference Protocol that is fine."""
    tensor = {"name": "images", "shape": list(scaled.shape), "datatype": "FP32", "data": scaled.ravel().tolist()}
    return {"inputs": [tensor]}


@pytest.fixture
async def served(api: httpx.AsyncClient, brightness: Manifest) -> httpx.AsyncClient:
    """A client of a service with version 1 of the model `brightness`, and its alias `champion`."""
    answer = await api.put(f"/models/{brightness.model}/aliases/champion", json={"version": brightness.version})
    assert answer.status_code == 200
    return api


def error_of(response: httpx.Response) -> str:
    """The text of a protocol's error, once its form is checked."""
    assert response.headers["content-type"] == "application/json"
    body = json.loads(response.content)
    assert list(body) == ["error"]
    assert isinstance(body["error"], str)
    assert body["error"]
    return body["error"]
