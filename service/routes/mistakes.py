"""Routes of a version's mistakes, as rows and as a picture."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from model_store import FileNotInVersion, Manifest, ModelStore
from service.deps import REVEALS_TEST_LABELS, CatalogDep, DatasetPicturesDep, StoreDep
from service.errors import NotRecorded
from service.inside.drawing.mistake_gallery import draw_gallery
from service.models.catalog import Catalog
from service.models.index import Reference
from service.models.mistake_rows import MistakeList, mistakes_answer
from service.routes.dataset_pictures import REFUSALS
from service.routes.named_versions import of_version
from service.web.key_errors import LabelsHidden
from service.web.refused_values import refused_value
from worker.artifacts import MISTAKES_FILE, MISTAKES_PICTURE
from worker.jobs.lineage import parse_reference
from worker.patterns import REFERENCE_PATTERN
from worker.reports.mistakes import MOST_MISTAKES, Mistakes

router = APIRouter(prefix="/models/{name}", tags=["models"])

CLASSES_NAMED = 20  # in an error message
FILTERS = ("true", "predicted")
MOST_DRAWN = 50


TrueClass = Annotated[str | None, Query(description="Only pictures of this class.", examples=["Shirt"])]
Predicted = Annotated[str | None, Query(description="Only pictures classified as this class.")]
Of = Annotated[
    str | None,
    Query(
        pattern=REFERENCE_PATTERN,
        description="Another version, as `name/version`, `name@alias` or `name`, that was tested on the same pictures: "
        "only the mistakes about which it says something else.",
        examples=["shirts/2"],
    ),
]


@of_version(
    router,
    "/mistakes",
    summary="Mistakes of a version",
    errors=(FileNotInVersion, LabelsHidden),
    response_model=MistakeList,
    dependencies=[REVEALS_TEST_LABELS],
)
async def get_mistakes(
    manifest: Manifest,
    catalog: CatalogDep,
    store: StoreDep,
    true: TrueClass = None,
    predicted: Predicted = None,
    of: Of = None,
    worst: Annotated[
        int | None, Query(ge=1, le=MOST_MISTAKES, description="Only so many, the most confident ones; as `limit`.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_MISTAKES)] = 100,
) -> MistakeList:
    """What the network got wrong on the test split, most confident first, each with its picture and an explanation."""
    return await _chosen(manifest, catalog, store, true, predicted, of, worst or limit)


@of_version(
    router,
    f"/{MISTAKES_PICTURE}",
    summary="Mistakes of a version, drawn",
    errors=(FileNotInVersion, *REFUSALS, NotRecorded, LabelsHidden),
    dependencies=[REVEALS_TEST_LABELS],
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "The picture."}},
)
async def get_gallery(
    manifest: Manifest,
    catalog: CatalogDep,
    store: StoreDep,
    pictures: DatasetPicturesDep,
    true: TrueClass = None,
    predicted: Predicted = None,
    of: Of = None,
    worst: Annotated[int, Query(ge=1, le=MOST_DRAWN, description="How many, the most confident ones.")] = 25,
) -> Response:
    """The same mistakes as one picture, each with the answer and the truth."""
    chosen = await _chosen(manifest, catalog, store, true, predicted, of, worst)
    found = [await pictures.one(manifest.dataset, "test", row.index) for row in chosen.mistakes]
    if any(picture.info.fingerprint not in {None, manifest.dataset_fingerprint} for picture in found):
        raise NotRecorded(manifest.model, manifest.version, "pictures any more", "Its dataset has been replaced.")
    subject = f"{manifest.model}, version {manifest.version}: mistakes on {manifest.dataset}"
    drawn = await asyncio.to_thread(
        draw_gallery, chosen.mistakes, [picture.pixels for picture in found], subject, _title(chosen, of)
    )
    return Response(drawn, media_type="image/png")


def _title(chosen: MistakeList, of: str | None) -> str:
    otherwise = f" about which {of} says something else" if of else ""
    return (
        f"{len(chosen.mistakes)} of {chosen.matching:,}{otherwise}; wrong on {chosen.total:,} of {chosen.pictures:,} "
        "test pictures"
    )


async def _chosen(
    manifest: Manifest,
    catalog: Catalog,
    store: ModelStore,
    true: str | None,
    predicted: str | None,
    of: str | None,
    most: int,
) -> MistakeList:
    for field, label in zip(FILTERS, (true, predicted), strict=True):
        _check_class(manifest, field, label)
    kept = await asyncio.to_thread(_kept, store, manifest)
    other = None if of is None else await _others(of, manifest, catalog, store)
    return mistakes_answer(manifest, kept, true, predicted, most, other)


async def _others(of: str, manifest: Manifest, catalog: Catalog, store: ModelStore) -> Mistakes:
    """The mistakes of the version to compare with."""
    found = await catalog.resolve(Reference.to(parse_reference(of)))
    if found.dataset_fingerprint != manifest.dataset_fingerprint:
        raise refused_value(
            "of",
            f"tested on other pictures; expected a version on {manifest.dataset} with the fingerprint "
            f"{manifest.dataset_fingerprint[:12]}…, got one on {found.dataset} with {found.dataset_fingerprint[:12]}…",
            given=of,
        )
    own, others = manifest.recipe.get("test_samples"), found.recipe.get("test_samples")
    if own != others:
        raise refused_value(
            "of",
            f"tested on another number of pictures; expected `test_samples` {own or 'not set'}, "
            f"got {others or 'not set'}",
            given=of,
        )
    return await asyncio.to_thread(_kept, store, found)


def _kept(store: ModelStore, manifest: Manifest) -> Mistakes:
    return Mistakes.model_validate_json(store.read(manifest.model, manifest.version, MISTAKES_FILE))


def _check_class(manifest: Manifest, field: str, label: str | None) -> None:
    if label is not None and label not in manifest.classes:
        expected = ", ".join(repr(known) for known in manifest.classes[:CLASSES_NAMED])
        more = f" and {len(manifest.classes) - CLASSES_NAMED} more" if len(manifest.classes) > CLASSES_NAMED else ""
        raise refused_value(
            field, f"no class of this version: expected one of {expected}{more}; got {label!r}", given=label
        )
