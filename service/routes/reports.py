"""Routes of what a version shows of itself as a whole: report, model card, MLflow's description, drawing."""

import asyncio
import hashlib

from fastapi import APIRouter, Response

from model_store import Manifest, ModelStore
from service.deps import REVEALS_TEST_LABELS, StoreDep
from service.errors import NotRecorded
from service.models.diagnoses import evaluation_of
from service.models.exports import exports_of
from service.models.mlflow_model import MLMODEL_FILE, mlflow_model
from service.models.model_card import CARD_FILE, model_card
from service.models.network_diagrams import diagram_of
from service.models.report.contents import contents_of
from service.models.report.page import report_page
from service.models.version_files import VersionFiles
from service.routes.named_versions import of_version
from service.web.byte_ranges import Conditions, ConditionsDep, answer_bytes
from service.web.key_errors import LabelsHidden
from service.web.policies import REPORT, STORED_FILE

router = APIRouter(prefix="/models/{name}", tags=["models"])
SVG = "image/svg+xml"
MARKDOWN = "text/markdown"
YAML = "application/yaml"


@of_version(
    router,
    "/report.html",
    summary="Report of a version",
    errors=(LabelsHidden,),
    dependencies=[REVEALS_TEST_LABELS],
    response_class=Response,
    responses={200: {"content": {"text/html": {}}, "description": "One HTML document."}},
)
async def get_report(manifest: Manifest, store: StoreDep, conditions: ConditionsDep) -> Response:
    """Everything about the run in one file, to be read, printed, kept or sent.

    What the doctor found, curves, confusion matrix, mistakes with their pictures, film, network, settings, the
    fingerprint of the data, hardware, and the command that repeats the run. It has no script and loads nothing, so it
    opens from a file without a network.
    """
    page = await asyncio.to_thread(_report, store, manifest)
    name = f"{manifest.model}-v{manifest.version}-report.html"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Content-Security-Policy": REPORT[1].decode()}
    return _sent(page, "text/html; charset=utf-8", conditions, headers)


@of_version(
    router,
    f"/{CARD_FILE}",
    summary="Model card of a version",
    errors=(LabelsHidden,),
    dependencies=[REVEALS_TEST_LABELS],
    response_class=Response,
    responses={200: {"content": {MARKDOWN: {}}, "description": "Markdown with metadata in YAML at its head."}},
)
async def get_model_card(manifest: Manifest, store: StoreDep, conditions: ConditionsDep) -> Response:
    """What the version is, how to use its files without convserve, its results: a `README.md` as model hubs read it.

    Together with the files of the version it makes a whole page of a model hub; `convserve download` writes it beside
    them.
    """
    card = await asyncio.to_thread(_card, store, manifest)
    return _sent(card, f"{MARKDOWN}; charset=utf-8", conditions, {})


@of_version(
    router,
    f"/{MLMODEL_FILE}",
    summary="A version as MLflow loads it",
    response_class=Response,
    responses={200: {"content": {YAML: {}}, "description": "MLflow's description of the model, in YAML."}},
)
async def get_mlflow_model(manifest: Manifest, conditions: ConditionsDep) -> Response:
    """The file `MLmodel`: beside `model.onnx`, it makes a directory that MLflow loads as a model of its ONNX flavour.

    `convserve download` writes both: `mlflow.pyfunc.load_model(DIR).predict({"images": pixels})`.
    """
    return _sent(mlflow_model(manifest), YAML, conditions, {})


@of_version(
    router,
    "/diagram.svg",
    summary="Drawing of a version's network",
    errors=(NotRecorded,),
    response_class=Response,
    responses={200: {"content": {SVG: {}}, "description": "The drawing."}},
)
async def get_version_diagram(manifest: Manifest, conditions: ConditionsDep) -> Response:
    """The network as boxes with shapes and parameters, branches side by side."""
    drawing = await asyncio.to_thread(diagram_of, manifest)
    return answer_drawing(drawing, conditions)


def answer_drawing(drawing: str, conditions: Conditions) -> Response:
    """An SVG document with a policy that lets no browser run scripts in it."""
    return _sent(drawing, SVG, conditions, {"Content-Security-Policy": STORED_FILE[1].decode()})


def _report(store: ModelStore, manifest: Manifest) -> str:
    return report_page(contents_of(store, manifest))


def _card(store: ModelStore, manifest: Manifest) -> str:
    evaluation = evaluation_of(VersionFiles(store, manifest))
    return model_card(manifest, evaluation, exports_of(store, manifest))


def _sent(text: str, media_type: str, conditions: Conditions, headers: dict[str, str]) -> Response:
    data = text.encode()
    return answer_bytes(data, f'"{hashlib.sha256(data).hexdigest()}"', media_type, conditions, headers)
