"""Label Studio's contract through the application: health, setup, suggestions, and what a webhook keeps."""

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import CallRejected
from service.labelling.label_config import read_interface
from service.labelling.projects import Project, Projects
from service.settings import ApiSettings
from tests.unit.service.protocols.test_hub_and_cloud_routes import png
from tests.unit.service.tiny_networks import CLASSES

pytestmark = pytest.mark.anyio

CONFIG = f"""
<View>
  <Image name="img" value="$photo"/>
  <Choices name="kind" toName="img">{"".join(f'<Choice value="{label}"/>' for label in CLASSES)}</Choices>
</View>"""


@pytest.fixture
def task(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    picture = base64.b64encode(png(pixels[0])).decode()
    return {"id": 7, "data": {"photo": f"data:image/png;base64,{picture}"}}


async def connect(api: httpx.AsyncClient, **extra: object) -> httpx.Response:
    body = {"project": "3.1764118400", "schema": CONFIG, "hostname": "http://ls", "access_token": "t"}
    return await api.post("/setup", json={**body, "extra_params": json.dumps(extra)})


async def tell(api: httpx.AsyncClient, action: str, task: dict[str, Any], *choices: str) -> httpx.Response:
    result = [{"from_name": "kind", "to_name": "img", "type": "choices", "value": {"choices": list(choices)}}]
    event = {"action": action, "project": {"id": 3, "label_config": CONFIG}, "task": task}
    return await api.post("/webhook", json={**event, "annotation": {"id": 1, "result": result}})


async def test_it_is_up_and_a_project_connects(served: httpx.AsyncClient) -> None:
    assert (await served.get("/health")).json()["status"] == "UP"
    assert (await connect(served)).json() == {"model_version": "INITIAL"}
    assert (await connect(served, model="brightness")).json() == {"model_version": "brightness/1"}


async def test_tasks_get_the_class_that_our_own_route_names(
    served: httpx.AsyncClient, task: dict[str, Any], pixels: NDArray[np.uint8]
) -> None:
    ours = (await served.post("/predict", content=png(pixels[0]))).json()["predictions"][0]
    await connect(served, model="brightness")
    body = {"tasks": [task, {"id": 8, "data": {"photo": "/data/upload/1.png"}}], "project": "3.1764118400"}
    answer = await served.post("/predict", json={**body, "label_config": CONFIG, "params": {"context": None}})
    assert answer.status_code == 200
    first, second = answer.json()["results"]
    assert first["model_version"] == "brightness/1"
    assert first["score"] == ours["probability"]
    assert first["result"] == [
        {
            "from_name": "kind",
            "to_name": "img",
            "type": "choices",
            "value": {"choices": [ours["label"]]},
            "score": ours["probability"],
        }
    ]
    assert second["result"] == []


async def test_before_the_first_training_there_are_no_suggestions(
    served: httpx.AsyncClient, task: dict[str, Any]
) -> None:
    await connect(served)
    answer = await served.post("/predict", json={"tasks": [task], "project": "3", "label_config": CONFIG})
    assert answer.json() == {"results": [{"model_version": "INITIAL", "score": 0.0, "result": []}]}


async def test_annotations_are_kept_once_changed_and_forgotten(
    served: httpx.AsyncClient, task: dict[str, Any], settings: ApiSettings
) -> None:
    notes = settings.data_dir / "label-studio" / "3"
    assert (await tell(served, "ANNOTATION_CREATED", task, CLASSES[2])).json() == {"status": "noted", "untrained": 1}
    assert (await tell(served, "ANNOTATION_UPDATED", task, CLASSES[2])).json()["status"] == "ignored"
    assert (await tell(served, "ANNOTATION_UPDATED", task, CLASSES[4])).json() == {"status": "noted", "untrained": 2}
    assert (await tell(served, "ANNOTATION_CREATED", task, CLASSES[1], CLASSES[2])).json()["status"] == "ignored"
    assert json.loads((notes / "7.json").read_bytes()) == {"label": CLASSES[4]}
    assert (notes / "7.picture").read_bytes().startswith(b"\x89PNG")
    assert (await tell(served, "PROJECT_UPDATED", task)).json()["status"] == "ignored"
    assert (await tell(served, "ANNOTATIONS_DELETED", task)).json() == {"status": "noted", "untrained": 3}
    assert not (notes / "7.json").exists()


async def test_annotations_that_come_at_once_are_all_counted(
    served: httpx.AsyncClient, task: dict[str, Any], settings: ApiSettings
) -> None:
    tasks = [{**task, "id": number} for number in range(8)]
    answers = await asyncio.gather(*(tell(served, "ANNOTATION_CREATED", each, CLASSES[2]) for each in tasks))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert Projects(settings.data_dir / "label-studio").get(3).untrained == 8


def test_changes_of_many_threads_all_stay(settings: ApiSettings) -> None:
    def counted(project: Project) -> Project:
        return project.model_copy(update={"untrained": project.untrained + 1})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: Projects(settings.data_dir).change(1, counted), range(40)))
    assert Projects(settings.data_dir).get(1).untrained == 40


def test_what_is_refused_leaves_no_project(settings: ApiSettings) -> None:
    def refuse(_: Project) -> Project:
        raise CallRejected("no")

    projects = Projects(settings.data_dir / "projects")
    with pytest.raises(CallRejected, match="no"):
        projects.change(1, refuse)
    assert [found for found in (settings.data_dir / "projects").iterdir() if found.is_dir()] == []


async def test_what_cannot_be_used_is_refused_with_words(served: httpx.AsyncClient, task: dict[str, Any]) -> None:
    inside = {**task, "data": {"photo": "/data/upload/1.png"}}
    outside = {**task, "data": {"photo": "http://127.0.0.1:1/1.png"}}
    for wrong, words in ((inside, "CONVSERVE_LABEL_STUDIO_URL"), (outside, "switched off"), ({}, "no picture")):
        answer = await tell(served, "ANNOTATION_CREATED", {"id": 1, **wrong}, CLASSES[0])
        assert answer.status_code == 422
        assert words in answer.json()["detail"]
    for project in ("../x", "", "1e9"):
        answer = await served.post("/setup", json={"project": project, "schema": CONFIG})
        assert (answer.status_code, answer.json()["code"]) == (400, "call_invalid")
    assert (await connect(served, model="../x")).status_code == 400
    for wishes in ("{", "[" * 2_000, '{"epochs": NaN}', '{"model": "\\ud800"}'):
        answer = await served.post("/setup", json={"project": "3", "schema": CONFIG, "extra_params": wishes})
        assert (answer.status_code, answer.json()["code"]) == (400, "call_invalid")
    half = b'{"project": "3", "schema": "\\ud800"}'
    assert (await served.post("/setup", content=half, headers={"Content-Type": "application/json"})).status_code == 400
    assert (await served.post("/predict", json={"tasks": 5})).status_code == 400
    assert (await served.post("/predict", json={"tasks": [task] * 9, "project": "3"})).status_code == 400


@pytest.mark.parametrize(
    "xml",
    [
        "<View>",
        "<View/>",
        '<View><Image name="a" value="$a"/><Choices name="b" toName="c"/></View>',
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><View>&a;</View>',
        "<View>" + "x" * 70_000 + "</View>",
    ],
    ids=["broken", "empty", "unrelated", "entities", "long"],
)
def test_interfaces_without_the_class_of_a_picture_are_refused(xml: str) -> None:
    with pytest.raises(CallRejected):
        read_interface(xml)


def test_labels_become_folders_that_lead_nowhere_else(settings: ApiSettings) -> None:
    projects = Projects(settings.data_dir)
    project = projects.change(1, lambda _: Project(id=1, model="m"))
    for task, label in enumerate(("../up", "a/b", "é", "...", "é")):
        assert projects.annotate(project, task, label, b"picture")
    with (settings.data_dir / "a.zip").open("wb") as file:
        assert projects.write_archive(project, file) == {"-up": 1, "a-b": 1, "é": 2, "-": 1}
