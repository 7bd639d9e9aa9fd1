"""The route of the lesson's demonstrations: one picture, a kernel, and what comes out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from service.deps import DatasetChoiceDep, StateDep, chosen_pictures
from service.errors import Overloaded
from service.predict.body_options import BodyOptions, validated
from service.predict.convolving import ConvolveAnswer, ConvolveOptions, convolve
from service.predict.urls import CONVOLVE
from service.routes.dataset_pictures import CHOICE_ERRORS
from service.routes.predict import BODY, PICTURE_ERRORS
from service.web.problem_docs import problem_responses
from service.web.strict_json import parse_json
from worker.patterns import PADDING_PATTERN
from worker.pictures.convolution import Pooling

router = APIRouter(tags=["predict"])

DESCRIPTION = """
What one kernel does to a picture of yours, as in the first layer of a network: the numbers, the picture, and the
arithmetic of every shape. The picture comes in one of the ways of `/predict`, or from a dataset
(`?dataset=&split=&index=`). The options are query parameters or, in a JSON body, keys beside `images`.

Every channel is convolved alone. A picture with a side of more than 256 pixels is reduced first.
"""
JSON_BODY = {
    "schema": {"$ref": "#/components/schemas/ConvolveCall"},
    "example": {"images": [{"b64": "iVBORw0KGgoAAAANSUhEUg…"}], "kernel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]},
}
OPTIONAL_BODY: dict[str, Any] = {
    "requestBody": {"content": {**BODY["requestBody"]["content"], "application/json": JSON_BODY}}
}


async def _query(
    kernel: Annotated[
        str | None,
        Query(
            max_length=5000,
            description="`blur`, `sharpen`, `edge` (the default), or rows of weights as JSON, at most 15 x 15.",
            examples=["edge", "[[-1,0,1],[-2,0,2],[-1,0,1]]"],
        ),
    ] = None,
    stride: Annotated[int | None, Query(ge=1, le=16, description="Pixels between two positions. Default: 1.")] = None,
    padding: Annotated[
        str | None,
        Query(
            pattern=PADDING_PATTERN,
            description="`valid` (the default), `same`, or zeros on each side, at most 16.",
        ),
    ] = None,
    pooling: Annotated[Pooling | None, Query(description="What is kept of every square. Default: no pooling.")] = None,
    pool_size: Annotated[int | None, Query(ge=1, le=16, description="Side of the squares. Default: 2.")] = None,
    values: Annotated[bool | None, Query(description="Whether JSON has the numbers. Default: true.")] = None,
    format_: Annotated[Literal["json", "png"] | None, Query(alias="format", description="Default: `json`.")] = None,
) -> dict[str, Any]:
    return {
        "kernel": parse_json(kernel.encode()) if kernel and kernel.lstrip().startswith("[") else kernel,
        "stride": stride,
        "padding": padding,
        "pooling": pooling,
        "pool_size": pool_size,
        "values": values,
        "format": format_,
    }


@router.put(CONVOLVE, include_in_schema=False)
@router.post(
    CONVOLVE,
    summary="Convolve a picture",
    description=DESCRIPTION,
    openapi_extra=OPTIONAL_BODY,
    response_model=ConvolveAnswer,
    responses={
        200: {"description": "The result.", "content": {"image/png": {"schema": {"type": "string"}}}},
        **problem_responses(*PICTURE_ERRORS, Overloaded, *CHOICE_ERRORS),
    },
)
async def convolve_picture(
    request: Request, state: StateDep, choice: DatasetChoiceDep, query: Annotated[dict[str, Any], Depends(_query)]
) -> Response:
    """Convolve one picture, then pool it."""
    options = BodyOptions()
    pictures = await chosen_pictures(request, state, choice, options.take)
    if len(pictures) > 1:
        message = f"Too many pictures; expected one, got {len(pictures)}"
        raise RequestValidationError([{"type": "value_error", "loc": ("body",), "msg": message}])
    given = {name: value for name, value in query.items() if value is not None}
    chosen = validated(ConvolveOptions, given, options.found)
    content, media_type = await convolve(pictures[0], chosen, state.decoder)
    return Response(content, media_type=media_type)
