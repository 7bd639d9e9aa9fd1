"""`fast` learns real pictures in seconds by its own recipe, through HTTP, and what it publishes is served."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.running import submit, wait_for
from worker.datasets import load_dataset

PICTURES = 64


@pytest.mark.parametrize(
    ("train_samples", "least"),
    [
        (200, 0.6),  # five trainings with different seeds ended between 0.705 and 0.746
        pytest.param(None, 0.77, marks=pytest.mark.long),  # between 0.818 and 0.833
    ],
)
def test_fast_learns_by_its_own_recipe_and_is_served(
    api: httpx.Client, train_samples: int | None, least: float
) -> None:
    own_recipe = {"epochs": None, "optimizer": None, "batch_size": None, "train_samples": train_samples}

    job = wait_for(api, submit(api, architecture="fast", **own_recipe)["id"])

    assert job["state"] == "succeeded", job["error"]
    assert job["request"]["learning_rate_schedule"]["name"] == "one_cycle"
    assert len(job["history"]["val_accuracy"]) == job["request"]["epochs"]
    assert job["model"]["test_accuracy"] > least
    assert _served_accuracy(api, job["model"]["name"]) > least - 0.1


def _served_accuracy(api: httpx.Client, model: str) -> float:
    """Of the first few test pictures, sent as files."""
    sample = load_dataset("fashion_mnist_sample", Path("unused"))
    files = [("file", (f"{i}.png", _png(sample.test_images[i, :, :, 0]), "image/png")) for i in range(PICTURES)]
    answers = api.post(f"/models/{model}/predict", files=files).json()["predictions"]
    expected = [sample.info.classes[label] for label in sample.test_labels[:PICTURES]]
    right = [answer["label"] == label for answer, label in zip(answers, expected, strict=True)]
    return right.count(True) / PICTURES


def _png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
