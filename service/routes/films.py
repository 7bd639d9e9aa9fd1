"""Routes of a training's film."""

from fastapi import APIRouter, Response

from model_store import FileNotInVersion, Manifest
from service.deps import REVEALS_TEST_LABELS, StoreDep
from service.errors import NotRecorded
from service.models.downloads import answer_file
from service.routes.named_versions import of_version
from service.web.byte_ranges import ConditionsDep
from service.web.key_errors import LabelsHidden
from worker.artifacts import FILM_FILE, FILM_PICTURE
from worker.reports.film import Film

REMEDY = "A film is only made while training: send the `recipe` of the version to POST /jobs again."

router = APIRouter(prefix="/models/{name}", tags=["models"])


@of_version(
    router,
    "/film",
    summary="How a version's network changed in training",
    errors=(NotRecorded, LabelsHidden),
    dependencies=[REVEALS_TEST_LABELS],
    response_model=Film,
)
async def get_film(manifest: Manifest, store: StoreDep, conditions: ConditionsDep) -> Response:
    """The first kernels, the answers to twelve pictures and the confusion matrix after 0, 1, 2, 5, 10 … epochs.

    The trainer records them. For a version that was published before it did, the answer is 409.
    """
    return await _filmed(store, manifest, FILM_FILE, conditions)


@of_version(
    router,
    f"/{FILM_PICTURE}",
    summary="Film strip of a version's training",
    errors=(NotRecorded, LabelsHidden),
    dependencies=[REVEALS_TEST_LABELS],
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The picture."}},
)
async def get_film_strip(manifest: Manifest, store: StoreDep, conditions: ConditionsDep) -> Response:
    """The film as one picture, a column per frame."""
    return await _filmed(store, manifest, FILM_PICTURE, conditions)


async def _filmed(store: StoreDep, manifest: Manifest, file: str, conditions: ConditionsDep) -> Response:
    try:
        return await answer_file(store, manifest, file, conditions)
    except FileNotInVersion:
        raise NotRecorded(manifest.model, manifest.version, "film", REMEDY) from None
