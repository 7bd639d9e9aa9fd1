"""Routes that classify pictures: with the newest model, a named one, one version, or the version of an alias.

They describe predictions in OpenAPI and answer the requests that need more than the fast lane. Under the server that
`convserve` starts, `service.fast.lane` answers simple requests before they get here, with the same predictor.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from model_store import AliasNotFound, ArtifactCorrupt, ModelNotFound, StoreUnavailable, VersionNotFound
from model_store.names import MODEL_PATTERN
from service.deps import AliasName, ModelName, PredictorDep, TopK, UploadsDep, VersionNumber
from service.errors import (
    BodyTooLarge,
    BodyTypeUnsupported,
    JsonRejected,
    ModelUnloaded,
    NothingPublished,
    NotRecorded,
    Overloaded,
    TooManyPictures,
    TooManyPixels,
    UploadRejected,
    VersionPassedOver,
)
from service.models.index import Reference
from service.predict.answers import Prediction
from service.predict.urls import DEFAULT_TOP_K, PREDICT, PREDICT_ALIAS, PREDICT_LATEST, PREDICT_VERSION
from service.splits.choosing import STICKY_HEADER
from service.trust.wishes import TrustWish
from service.web.problem_docs import problem_responses
from worker.pictures.pixels import PictureFormatUnsupported, PictureRejected, PictureTooLarge

DESCRIPTION = """
Send pictures (JPEG, PNG, WebP or BMP, of any size and colour mode) in one of three ways:

- **a form**: `curl -F file=@boot.png …`; repeat the field `file` for several pictures;
- **the bytes of one picture**: `curl --data-binary @boot.png -H 'Content-Type: image/png' …`;
- **JSON**: `{"images": [{"b64": "…", "filename": "boot.png"}]}`, in base64 or as `data:` URLs; where
  `CONVSERVE_PICTURE_URLS` is on, also `{"url": "https://…"}`.

A picture or JSON without a Content-Type is recognised by how it begins, and `PUT` is answered like `POST`, so that
`curl -T boot.png …` works too. JSON is described below at `PUT`.

Answers are in the order of the pictures and name the version that gave them. If a single picture cannot be read, the
request fails (413, 415 or 422). Among several pictures, an unreadable one gets its own `error`; the others are
answered.
"""
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "A picture; the field may be repeated.",
                        }
                    },
                }
            },
            **dict.fromkeys(("image/jpeg", "image/png", "image/webp", "image/bmp"), _PICTURE),
            "application/octet-stream": _PICTURE,
            "application/json": {
                "schema": {"$ref": "#/components/schemas/EncodedPictures"},
                "example": {"images": [{"b64": "iVBORw0KGgoAAAANSUhEUg…", "filename": "boot.png"}]},
            },
        },
    }
}
REQUEST_KEY: dict[str, Any] = {
    "name": STICKY_HEADER,
    "in": "header",
    "required": False,
    "description": "Requests with the same value, such as a user's id, are answered by the same version of an alias "
    "with a canary. Default: the owner of the API key decides, or chance.",
    "schema": {"type": "string"},
    "example": "user-7",
}
PICTURE_ERRORS = (
    JsonRejected,
    BodyTooLarge,
    TooManyPictures,
    TooManyPixels,
    PictureTooLarge,
    BodyTypeUnsupported,
    PictureFormatUnsupported,
    UploadRejected,
    PictureRejected,
)
"""What may be wrong with pictures in a body, for every route that takes them."""
ERRORS = (
    *PICTURE_ERRORS,
    ModelNotFound,
    Overloaded,
    ModelUnloaded,
    ArtifactCorrupt,
    StoreUnavailable,
    NotRecorded,
)

router = APIRouter(tags=["predict"])


async def _wish(
    coverage: Annotated[
        float | None,
        Query(
            gt=0,
            lt=1,
            description="Adds `set`: the labels that are needed to contain the right one in this share of all answers.",
            examples=[0.95],
        ),
    ] = None,
    not_sure_below: Annotated[
        Annotated[float, Field(ge=0, le=1)] | Literal["auto"] | None,
        Query(
            description="Adds `not_sure`, and gives no label when the probability is lower. `auto`: the version's own "
            "threshold, from which 95 % of the answers were right.",
            examples=["auto", 0.8],
        ),
    ] = None,
) -> TrustWish | None:
    if coverage is None and not_sure_below is None:
        return None
    return TrustWish(coverage, not_sure_below)


WishDep = Annotated[TrustWish | None, Depends(_wish)]


@router.put(PREDICT, include_in_schema=False)
@router.post(
    PREDICT,
    summary="Classify with the newest model, or a named one",
    description="Without `model`, the most recently published version of any model answers.\n" + DESCRIPTION,
    openapi_extra=BODY,
    response_model=Prediction,
    responses=problem_responses(*ERRORS, NothingPublished, VersionPassedOver),
)
async def predict(
    predictor: PredictorDep,
    uploads: UploadsDep,
    model: Annotated[
        str | None,
        Query(
            pattern=MODEL_PATTERN,
            description="Name of the model; its latest version answers. Default: the most recently published model.",
            examples=["fashion_mnist-lenet5-fashion"],
        ),
    ] = None,
    top_k: TopK = DEFAULT_TOP_K,
    wish: WishDep = None,
) -> Response:
    """Classify with the newest version of all models, or of one model."""
    return _json(await predictor.classify(Reference(model), uploads, top_k, wish))


@router.put(PREDICT_LATEST, include_in_schema=False)
@router.post(
    PREDICT_LATEST,
    summary="Classify with a model's latest version",
    description=DESCRIPTION,
    openapi_extra=BODY,
    response_model=Prediction,
    responses=problem_responses(*ERRORS, VersionPassedOver),
)
async def predict_with_latest(
    predictor: PredictorDep, name: ModelName, uploads: UploadsDep, top_k: TopK = DEFAULT_TOP_K, wish: WishDep = None
) -> Response:
    """Classify with a model's latest version."""
    return _json(await predictor.classify(Reference(name), uploads, top_k, wish))


@router.put(PREDICT_VERSION, include_in_schema=False)
@router.post(
    PREDICT_VERSION,
    summary="Classify with one version",
    description=DESCRIPTION,
    openapi_extra=BODY,
    response_model=Prediction,
    responses=problem_responses(*ERRORS, VersionNotFound),
)
async def predict_with_version(
    predictor: PredictorDep,
    name: ModelName,
    version: VersionNumber,
    uploads: UploadsDep,
    top_k: TopK = DEFAULT_TOP_K,
    wish: WishDep = None,
) -> Response:
    """Classify with one version."""
    return _json(await predictor.classify(Reference(name, version=version), uploads, top_k, wish))


@router.put(PREDICT_ALIAS, include_in_schema=False)
@router.post(
    PREDICT_ALIAS,
    summary="Classify with the version an alias points at",
    description="If the alias has a canary, it answers its share of the requests.\n" + DESCRIPTION,
    openapi_extra=BODY | {"parameters": [REQUEST_KEY]},
    response_model=Prediction,
    responses=problem_responses(*ERRORS, AliasNotFound, VersionNotFound, VersionPassedOver),
)
async def predict_with_alias(
    predictor: PredictorDep,
    name: ModelName,
    alias: AliasName,
    uploads: UploadsDep,
    top_k: TopK = DEFAULT_TOP_K,
    wish: WishDep = None,
) -> Response:
    """Classify with the version an alias points at; every model has the aliases `latest` and `best`."""
    return _json(await predictor.classify(Reference(name, alias=alias), uploads, top_k, wish))


def _json(prediction: bytes) -> Response:
    """An answer that already is JSON."""
    return Response(prediction, media_type="application/json")
