"""Suggestions for tasks without a label, in the form in which Label Studio shows them."""

import json
from typing import Any

from model_store import ModelNotFound
from service.errors import CallRejected
from service.labelling.label_config import Interface, read_interface
from service.labelling.pictures import pictures_of
from service.labelling.projects import Project, folder_name
from service.models.index import Reference
from service.state import ServiceState
from worker.pictures.pixels import PictureRejected

NO_MODEL = "INITIAL"
"""The version that Label Studio shows before the first training."""


async def model_version(state: ServiceState, project: Project) -> str:
    """The version that makes suggestions, as `name/version`."""
    try:
        manifest = await state.catalog.resolve(Reference(project.model))
    except ModelNotFound:
        return NO_MODEL
    return manifest.full_name


async def suggestions(state: ServiceState, project: Project, tasks: list[Any]) -> list[dict[str, Any]]:
    """One prediction per task; an empty one where there is no model yet, or the picture cannot be read.

    Args:
        state: of this process.
        project: has the label config.
        tasks: as Label Studio sends them.

    Raises:
        CallRejected: there are too many tasks, or the label config asks for no class of a picture.
        Exception: whatever predicting raises.
    """
    if len(tasks) > state.settings.max_pictures:
        raise CallRejected(f"there are too many tasks; expected at most {state.settings.max_pictures}")
    interface = read_interface(project.label_config)
    version = await model_version(state, project)
    if version == NO_MODEL or not tasks:
        return [_prediction(version, interface, None) for _ in tasks]
    uploads = await pictures_of(state, tasks, interface.field)
    try:
        answer = json.loads(await state.predictor.classify(Reference(project.model), uploads, 1))
    except PictureRejected:  # of the only task
        return [_prediction(version, interface, None)]
    return [_prediction(f"{answer['model']}/{answer['version']}", interface, found) for found in answer["predictions"]]


def _prediction(version: str, interface: Interface, found: dict[str, Any] | None) -> dict[str, Any]:
    label = None if found is None or "error" in found else _choice(found["label"], interface)
    if found is None or label is None:
        return {"model_version": version, "score": 0.0, "result": []}
    result = {
        "from_name": interface.choice,
        "to_name": interface.image,
        "type": "choices",
        "value": {"choices": [label]},
        "score": found["probability"],
    }
    return {"model_version": version, "score": found["probability"], "result": [result]}


def _choice(label: str, interface: Interface) -> str | None:
    """The choice that became this class; None when the label config has it no more."""
    return next((choice for choice in interface.labels if folder_name(choice) == label), None)
