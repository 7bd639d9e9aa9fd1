"""Routes of network descriptions: the presets, and a check for a network of your own."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Response
from fastapi.openapi.models import Example
from pydantic import BaseModel, Field

from service.deps import DatasetsDep
from service.routes.network_overrides import OverridesDep, told_by_query
from service.routes.reports import answer_drawing
from service.web.byte_ranges import ConditionsDep
from service.web.problem_docs import problem_responses
from worker.architectures import (
    PRESETS,
    Analysis,
    Architecture,
    ArchitectureError,
    ArchitectureNotFound,
    Overrides,
    Preset,
    analyse_overridden,
    get_preset,
    override,
)
from worker.architectures.diagram import draw_diagram
from worker.datasets import DatasetInfo, DatasetNotFound, DatasetNotReady
from worker.patterns import SHAPE_PATTERN
from worker.recipe.options import Augmentation, Precision
from worker.recipe.schedules import Schedule

DEFAULT_SHAPE = (32, 32, 3)
DEFAULT_CLASSES = 10
CHECK_EXAMPLES: dict[str, Example] = {
    "small": {
        "summary": "One convolution, one pooling, and the output",
        "value": {
            "layers": [
                {"type": "conv2d", "filters": 8, "kernel_size": 3, "activation": "relu"},
                {"type": "max_pooling2d", "pool_size": 2},
                {"type": "flatten"},
                {"type": "dense", "units": "classes", "activation": "softmax"},
            ]
        },
    }
}

DatasetQuery = Annotated[
    str | None,
    Query(description="Name of a dataset; counts are for its pictures and classes.", examples=["fashion_mnist"]),
]
ClassesQuery = Annotated[
    int | None, Query(ge=2, le=65_536, description="Number of classes to count for.", examples=[1000])
]
ShapeQuery = Annotated[
    str | None,
    Query(
        pattern=SHAPE_PATTERN,
        description="Height, width and channels of the pictures to count for; default 32x32x3.",
        examples=["64x64x3"],
    ),
]


async def _dataset(datasets: DatasetsDep, dataset: DatasetQuery = None) -> DatasetInfo | None:
    return None if dataset is None else await asyncio.to_thread(datasets.find, dataset)


DatasetDep = Annotated[DatasetInfo | None, Depends(_dataset)]


class Recipe(BaseModel, defer_build=True):
    """How a network is trained when a job does not say otherwise."""

    optimizer: str = Field(description="Keras's name of the optimizer, or `muon`.")
    learning_rate: float | None = Field(gt=0, description="Null: Keras's own for the optimizer.")
    momentum: float | None = Field(ge=0, lt=1)
    nesterov: bool | None
    others_rate: float | None = Field(
        default=None,
        gt=0,
        exclude_if=lambda rate: rate is None,
        description="Of `muon`: learning rate of what takes Adam's steps.",
    )
    beta_2: float | None = Field(ge=0, lt=1)
    weight_decay: float | None = Field(ge=0, description="Null: Keras's own for the optimizer.")
    batch_size: int = Field(ge=1, description="A job with few training pictures takes smaller batches.")
    epochs: int = Field(ge=1)
    learning_rate_schedule: Schedule
    augmentation: Augmentation
    label_smoothing: float = Field(ge=0, lt=1)
    ema: float = Field(ge=0, lt=1)
    precision: Precision


class PresetLine(BaseModel, defer_build=True):
    """A preset in the list, with counts for one input shape and number of classes."""

    name: str = Field(examples=["lenet5-fashion"])
    title: str
    year: int | None = Field(description="Year of publication; null for the lesson's own networks.")
    source: str
    recipe: Recipe = Field(description="How it is trained by default, as a whole.")
    weights: tuple[str, ...] = Field(description="Pretrained weights that a job can start from, by name.")
    input_shape: tuple[int, int, int] = Field(description="Height, width and channels that the counts are for.")
    classes: int = Field(description="Number of classes that the counts are for.")
    parameters: int
    flops: int = Field(description="For inference on one picture; a multiplication and an addition count as two.")


class PresetList(BaseModel, defer_build=True):
    """All presets."""

    architectures: list[PresetLine]


class PresetDetail(PresetLine, Analysis):
    """A preset with its layer table and the description it is built from."""

    architecture: Architecture = Field(
        description="The description with the overrides applied; change it and send it as a network of your own."
    )


class Checked(Analysis):
    """The layer table of a network of your own."""

    classes: int = Field(description="Number of classes that the counts are for.")


router = APIRouter(prefix="/architectures", tags=["architectures"])


@router.get("", summary="List presets", responses=problem_responses(DatasetNotFound, DatasetNotReady))
async def list_architectures(dataset: DatasetDep, classes: ClassesQuery = None) -> PresetList:
    """The presets. By default the counts are for each preset's classic input and 10 classes."""
    return PresetList(architectures=[_line(preset, dataset, classes) for preset in PRESETS.values()])


@router.get(
    "/{name}",
    summary="One preset",
    responses=problem_responses(ArchitectureNotFound, DatasetNotFound, DatasetNotReady, ArchitectureError),
)
async def get_architecture(
    name: str, overrides: OverridesDep, dataset: DatasetDep, classes: ClassesQuery = None
) -> PresetDetail:
    """Output shape, parameters and FLOPs of every layer; totals, recipe and source.

    `activation`, `depth`, `width`, `input_size` and `dropout` change the network as a job's `overrides` do.
    """
    preset = get_preset(name)
    with told_by_query():
        analysis, n_classes = _analysis(preset.architecture, preset.image_shape, dataset, classes, overrides)
        architecture = override(preset.architecture, overrides)
    return PresetDetail(**_facts(preset), **analysis.model_dump(), classes=n_classes, architecture=architecture)


@router.get(
    "/{name}/diagram.svg",
    summary="Drawing of a preset",
    response_class=Response,
    responses={
        **problem_responses(ArchitectureNotFound, DatasetNotFound, DatasetNotReady, ArchitectureError),
        200: {"content": {"image/svg+xml": {}}, "description": "The drawing."},
    },
)
async def get_architecture_diagram(
    name: str, overrides: OverridesDep, dataset: DatasetDep, conditions: ConditionsDep, classes: ClassesQuery = None
) -> Response:
    """The network as boxes with shapes and parameters, branches side by side.

    The parameters change it as they change `GET /architectures/{name}`.
    """
    preset = get_preset(name)
    with told_by_query():
        analysis, _ = _analysis(preset.architecture, preset.image_shape, dataset, classes, overrides)
        architecture = override(preset.architecture, overrides)
    return answer_drawing(draw_diagram(architecture, analysis, f"{preset.title} ({preset.name})"), conditions)


@router.post(
    "/check",
    summary="Check a network of your own",
    responses=problem_responses(DatasetNotFound, DatasetNotReady, ArchitectureError),
)
async def check_architecture(
    architecture: Annotated[Architecture, Body(openapi_examples=CHECK_EXAMPLES)],
    overrides: OverridesDep,
    dataset: DatasetDep,
    classes: ClassesQuery = None,
    image_shape: ShapeQuery = None,
) -> Checked:
    """The layer table of a description, or what is wrong and in which layer.

    The body is the same JSON that `architecture` takes in `POST /jobs`; `activation`, `depth`, `width`, `input_size`
    and `dropout` change the network as a job's `overrides` do.
    """
    height, width, channels = map(int, image_shape.split("x")) if image_shape else DEFAULT_SHAPE
    with told_by_query():
        analysis, n_classes = _analysis(architecture, (height, width, channels), dataset, classes, overrides)
    return Checked(**analysis.model_dump(), classes=n_classes)


def _analysis(
    architecture: Architecture,
    image_shape: tuple[int, int, int],
    dataset: DatasetInfo | None,
    classes: int | None,
    overrides: Overrides | None = None,
) -> tuple[Analysis, int]:
    """Counts for a dataset if there is one, otherwise for `image_shape`; a given number of classes takes precedence."""
    n_classes = DEFAULT_CLASSES
    if dataset is not None:
        image_shape, n_classes = dataset.image_shape, len(dataset.classes)
    n_classes = classes or n_classes
    return analyse_overridden(architecture, overrides, image_shape, n_classes), n_classes


def _line(preset: Preset, dataset: DatasetInfo | None, classes: int | None) -> PresetLine:
    analysis, n_classes = _analysis(preset.architecture, preset.image_shape, dataset, classes)
    return PresetLine(
        **_facts(preset),
        input_shape=analysis.input_shape,
        classes=n_classes,
        parameters=analysis.parameters,
        flops=analysis.flops,
    )


def _facts(preset: Preset) -> dict[str, object]:
    facts = {name: getattr(preset, name) for name in ("name", "title", "year", "source", "weights")}
    return facts | {"recipe": _recipe(preset)}


def _recipe(preset: Preset) -> Recipe:
    """The optimizer's settings stand beside the other fields: clients know the recipe in this shape."""
    optimizer = preset.recipe.optimizer
    return Recipe.model_validate(dict(preset.recipe) | dict(optimizer) | {"optimizer": optimizer.name})
