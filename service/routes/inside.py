"""Routes that look inside a version: layers, kernels, maps, why an answer, and what would change it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from service.deps import LooksDep
from service.errors import ModelUnloaded, NotRecorded, Overloaded
from service.inside.answers import Explanation, Kernels, LayerList, MapsAnswer, WhatIf
from service.inside.options import Format
from service.predict.urls import EXPLAIN, MAPS, WHAT_IF
from service.routes.dataset_pictures import CHOICE_ERRORS
from service.routes.inside_options import AskedDep, ChangesDep, ExplainOptionsDep, MapsOptionsDep
from service.routes.named_versions import Endpoint, OfVersion, of_version
from service.routes.predict import BODY, PICTURE_ERRORS
from worker.inside.errors import LayerNotFound

router = APIRouter(prefix="/models/{name}", tags=["inside"])

_LOOKING = (NotRecorded, LayerNotFound, Overloaded, ModelUnloaded)
_WITH_PICTURE = (*_LOOKING, *PICTURE_ERRORS, *CHOICE_ERRORS)
_PNG = {"image/png": {"schema": {"type": "string", "format": "binary"}}}
_PICTURE = """
The picture comes in every form that `/predict` takes: a form, the bytes of a file, or JSON; exactly one. The options
are query parameters or, in a JSON body, members beside `images`. Or it is a picture of a dataset:
`?dataset=fashion_mnist&split=test&index=0`, without a body.
"""


def _with_picture(
    ending: str, summary: str, description: str, model: type, *, has_png: bool = True
) -> Callable[[Endpoint], Endpoint]:
    """Register an endpoint that takes a picture."""
    return of_version(
        router,
        ending,
        summary=summary,
        errors=_WITH_PICTURE,
        responses={200: {"model": model, "content": _PNG}} if has_png else None,
        methods=("POST",),
        description=description + _PICTURE,
        openapi_extra=BODY,
        response_model=model,
    )


LayerName = Annotated[str, Path(max_length=200, description="Name of the layer.", examples=["conv2d"])]
FilterNumber = Annotated[
    int | None, Query(alias="filter", ge=0, description="Only this filter, from 0. Default: all of them.")
]


@of_version(router, "/layers", summary="Layers of a version", errors=(NotRecorded,), response_model=LayerList)
async def get_layers(manifest: OfVersion, looks: LooksDep) -> LayerList:
    """Every layer with its shape, and which of its channels are dead, do the same, or are seldom active."""
    return await looks.layers(manifest)


@of_version(router, "/layers/{layer}/kernels", summary="Kernels of a layer", errors=_LOOKING, response_model=Kernels)
async def get_kernels(manifest: OfVersion, layer: LayerName, looks: LooksDep, number: FilterNumber = None) -> Response:
    """The weights of a convolution, as Keras has them."""
    return _json(await looks.kernels(manifest, layer, number))


@of_version(
    router,
    "/layers/{layer}/kernels.png",
    summary="Kernels of a layer, drawn",
    errors=_LOOKING,
    responses={200: {"description": "The kernels.", "content": _PNG}},
    response_class=Response,
)
async def get_kernels_png(manifest: OfVersion, layer: LayerName, looks: LooksDep) -> Response:
    """The weights of a convolution as tiles with hard pixels; in colour where they take red, green and blue."""
    return _png(await looks.kernels_png(manifest, layer))


@_with_picture(
    MAPS,
    "What the layers make of a picture",
    "For every channel of every layer the least, greatest and mean value and the deviation; with `layer` and `values` "
    "every value. `format=png` draws them.\n",
    MapsAnswer,
)
async def get_maps(manifest: OfVersion, asked: AskedDep, options: MapsOptionsDep, looks: LooksDep) -> Response:
    """What the layers make of a picture."""
    return _json_or_png(await looks.maps(manifest, asked.uploads, options), options.format)


@_with_picture(
    EXPLAIN,
    "Where the evidence for a class is",
    "Occlusion covers one place of the picture after the other and tells how much the probability drops. Grad-CAM "
    "tells where the maps of a layer speak for the class; it agrees with Keras, and may mislead all the same: see the "
    "documentation.\n",
    Explanation,
)
async def explain(manifest: OfVersion, asked: AskedDep, options: ExplainOptionsDep, looks: LooksDep) -> Response:
    """Where the evidence for a class is."""
    return _json_or_png(await looks.explain(manifest, asked.uploads, options), options.format)


@_with_picture(
    WHAT_IF,
    "How the answer changes with the picture",
    "Moves, turns, blurs, brightens or covers the picture, adds noise, or switches single filters off, and answers "
    "after each change. In the query, amounts stand between commas (`shift=-4,0,4`), the numbers of one amount between "
    "colons (`shift=2:3`, `without=conv2d:3`).\n",
    WhatIf,
    has_png=False,
)
async def what_if(manifest: OfVersion, asked: AskedDep, changes: ChangesDep, looks: LooksDep) -> Response:
    """How the answer changes with the picture."""
    return _json(await looks.what_if(manifest, asked.uploads, changes))


def _json(answer: bytes) -> Response:
    return Response(answer, media_type="application/json")


def _png(picture: bytes) -> Response:
    return Response(picture, media_type="image/png")


def _json_or_png(answer: bytes, form: Format) -> Response:
    return _png(answer) if form == "png" else _json(answer)
