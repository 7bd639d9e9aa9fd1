"""Routes of the pictures of datasets: one as PNG, or a list of them."""

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from model_store import StoreUnavailable
from service.datasets.pictures import DatasetPicture, PicturePage
from service.deps import CallerDep, DatasetPicturesDep, SettingsDep
from service.errors import DatasetPictureNotFound, DiskFull, RangeNotSatisfiable
from service.models.test_labels import require_test_labels
from service.web.byte_ranges import ConditionsDep, answer_bytes
from service.web.key_errors import LabelsHidden
from service.web.problem_docs import problem_responses
from service.web.refused_values import refused_value
from worker.datasets import (
    DatasetCorrupt,
    DatasetInfo,
    DatasetNotFound,
    DatasetNotReady,
    DatasetUnavailable,
    reference_to,
)
from worker.datasets.unpacked import SplitName
from worker.pictures.hard_pixels import png_of

router = APIRouter(prefix="/datasets", tags=["datasets"])

LONGEST_SIDE = 2048
"""Of an enlarged picture, in pixels; a larger one would take long to pack."""
MOST_SCALE = 64
PICTURE_URL = "/datasets/{name}/pictures/{split}/{index}.png"
CHOICE_ERRORS = (DatasetNotFound, DatasetPictureNotFound, DatasetNotReady, DatasetUnavailable)
"""What may be wrong with a chosen picture of a dataset, for every route that takes one."""
REFUSALS = (
    *CHOICE_ERRORS,
    DatasetCorrupt,
    DiskFull,
    StoreUnavailable,
)

Version = Annotated[
    int | None, Query(ge=1, le=10**6, description="Of an uploaded dataset. Default: the newest version.")
]
Split = Annotated[SplitName, Query(description="`train`, `test`, or the dataset's own `validation` if it has one.")]


class PictureRow(BaseModel, defer_build=True):
    """One picture of a dataset."""

    index: int = Field(description="Its position in the split, from 0.", examples=[0])
    label: str = Field(examples=["Ankle boot"])
    class_index: int = Field(description="Position of its class in the dataset's `classes`.", examples=[9])
    url: str = Field(
        description="Where the picture is, as PNG; `?scale=` enlarges it.",
        examples=["/datasets/fashion_mnist/pictures/test/0.png"],
    )


class PictureList(BaseModel, defer_build=True):
    """A page of the pictures of one split, in the order of the split."""

    dataset: str
    split: SplitName
    pictures: list[PictureRow]
    total: int = Field(description="Pictures that match, on all pages.")
    offset: int
    limit: int


@router.get("/{name}/pictures", summary="Pictures of a dataset", responses=problem_responses(*REFUSALS, LabelsHidden))
async def list_pictures(
    name: str,
    pictures: DatasetPicturesDep,
    caller: CallerDep,
    settings: SettingsDep,
    split: Split = "test",
    label: Annotated[
        str | None,
        Query(max_length=200, description="Only pictures of this class: its label, or else its index."),
    ] = None,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    version: Version = None,
) -> PictureList:
    """Pictures of one split with their labels and addresses, in the order in which trainings count them."""
    if split == "test":
        require_test_labels(caller, name, settings.hidden_datasets())
    reference = reference_to(name, version)
    wanted = None if label is None else _class_index(await pictures.find(reference), label)
    page = await pictures.page(reference, split, wanted, offset, limit)
    return _listed(split, offset, limit, page, version)


@router.get(
    "/{name}/pictures/{split}/{index}.png",
    summary="One picture of a dataset",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": {"image/png": {"schema": {"type": "string"}}}},
        206: {"description": "The range of the picture that `Range` names."},
        304: {"description": "The picture is still the one that `If-None-Match` names."},
        **problem_responses(*REFUSALS, RangeNotSatisfiable),
    },
)
async def get_picture(
    name: str,
    split: Annotated[SplitName, Path(description="`train`, `test` or `validation`.")],
    index: Annotated[int, Path(ge=0, le=10**9, description="Position in the split, from 0.")],
    pictures: DatasetPicturesDep,
    conditions: ConditionsDep,
    scale: Annotated[
        int, Query(ge=1, le=MOST_SCALE, description="Every pixel becomes a square of this many pixels a side.")
    ] = 1,
    version: Version = None,
) -> Response:
    """One picture, its pixels exactly as trainings get them.

    With `scale` it is enlarged without smoothing, to at most 2048 pixels a side.
    """
    picture = await pictures.one(reference_to(name, version), split, index)
    _require_fitting(picture, scale)
    data = await asyncio.to_thread(png_of, picture.pixels, scale)
    return answer_bytes(data, f'"{hashlib.sha256(data).hexdigest()}"', "image/png", conditions)


def _listed(split: SplitName, offset: int, limit: int, page: PicturePage, version: int | None) -> PictureList:
    name, classes = page.info.name, page.info.classes
    query = "" if version is None else f"?version={version}"
    rows = [
        PictureRow(
            index=index,
            label=classes[class_index],
            class_index=class_index,
            url=PICTURE_URL.format(name=name, split=split, index=index) + query,
        )
        for index, class_index in page.rows
    ]
    return PictureList(dataset=name, split=split, pictures=rows, total=page.total, offset=offset, limit=limit)


def _class_index(info: DatasetInfo, label: str) -> int:
    """The class that a label or, where no class has it, a number names."""
    if label in info.classes:
        return info.classes.index(label)
    if label.isascii() and label.isdecimal() and int(label) < len(info.classes):
        return int(label)
    known = ", ".join(info.classes[:20]) + ("…" if len(info.classes) > 20 else "")
    raise refused_value("label", f"No such class; expected one of {known}, or an index below {len(info.classes)}")


def _require_fitting(picture: DatasetPicture, scale: int) -> None:
    side = max(picture.pixels.shape[:2])
    if scale > 1 and side * scale > LONGEST_SIDE:
        most = max(1, LONGEST_SIDE // side)
        raise refused_value("scale", f"The picture would become too large; expected at most {most}, got {scale}")
