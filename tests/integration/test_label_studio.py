"""What Label Studio does with an ML backend: annotations, a training, and suggestions that are right afterwards."""

import base64
import io
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.busy_machine import PATIENCE_S, wait_until
from tests.running import wait_for

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="choice" toName="image">'
    '<Choice value="dark"/><Choice value="bright"/></Choices></View>'
)
PROJECT = {"id": 41, "label_config": CONFIG}


def task(number: int) -> dict[str, Any]:
    """A noisy grey picture: of even numbers dark, of odd ones bright."""
    middle = 60 if number % 2 == 0 else 190
    pixels = np.random.default_rng(number).normal(middle, 15, (28, 28)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"id": number, "data": {"image": f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"}}


def annotated(number: int, project: dict[str, Any]) -> dict[str, Any]:
    """The event that a picture was annotated as what it is."""
    choice = ["dark", "bright"][number % 2]
    result = [{"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": [choice]}}]
    return {
        "action": "ANNOTATION_CREATED",
        "project": project,
        "task": task(number),
        "annotation": {"result": result},
    }


def annotate(api: httpx.Client, number: int) -> None:
    assert api.post("/webhook", json=annotated(number, PROJECT)).json()["status"] == "noted"


def suggested(api: httpx.Client, numbers: range) -> list[list[str]]:
    body = {"tasks": [task(number) for number in numbers], "project": "41.1764118400", "label_config": CONFIG}
    results = api.post("/predict", json=body).json()["results"]
    return [result["value"]["choices"] for found in results for result in found["result"]]


def test_annotations_lead_to_a_version_whose_suggestions_are_right(api: httpx.Client) -> None:
    wishes = {"architecture": "lenet5-fashion", "epochs": 60}
    setup = {"project": "41.1764118400", "schema": CONFIG, "hostname": "http://ls", "extra_params": wishes}
    assert api.post("/setup", json=setup).json() == {"model_version": "INITIAL"}
    for number in range(18):
        annotate(api, number)
    assert suggested(api, range(100, 106)) == []
    started = api.post("/webhook", json={"action": "START_TRAINING", "project": PROJECT})
    assert started.json() == {"status": "training", "untrained": 18}

    def jobs() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = api.get("/jobs", params={"limit": 500}).json()["jobs"]
        return [job for job in listed if job["request"]["model"] == "label-studio-41"]

    wait_until(lambda: bool(jobs()), PATIENCE_S)
    (job,) = jobs()
    assert wait_for(api, job["id"])["state"] == "succeeded"
    assert api.post("/setup", json=setup).json() == {"model_version": "label-studio-41/1"}
    assert suggested(api, range(100, 106)) == [["dark"], ["bright"]] * 3
