"""A JSON body with pictures: in base64, or by URL."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from service.web.unknown_parameters import advice

MAX_FILENAME = 255
MAX_URL = 2048
ENCODED, LINKED = "encoded", "linked"
"""The two kinds of pictures; pydantic writes them into the place of an error."""


class EncodedPicture(BaseModel, defer_build=True):
    """One picture in a JSON body."""

    model_config = ConfigDict(extra="forbid")

    b64: str = Field(
        description="The picture file in base64, wrapped or not, or as a `data:` URL.",
        examples=["iVBORw0KGgoAAAANSUhEUg…"],
    )
    filename: str | None = Field(
        default=None, max_length=MAX_FILENAME, description="Returned with the answer.", examples=["boot.png"]
    )


class LinkedPicture(BaseModel, defer_build=True):
    """One picture in a JSON body, by its URL; only where `CONVSERVE_PICTURE_URLS` is on."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        max_length=MAX_URL,
        description="Address of the picture, http or https, on a public host.",
        examples=["https://example.org/boot.png"],
    )
    filename: str | None = Field(default=None, max_length=MAX_FILENAME, description="Returned with the answer.")


def _kind_of(picture: object) -> str:
    is_linked = "url" in picture if isinstance(picture, dict) else isinstance(picture, LinkedPicture)
    return LINKED if is_linked else ENCODED


def with_names(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """An error of pydantic about such a body; one about an unknown field gets a message that names what was meant."""
    if found["type"] != "extra_forbidden":
        return found
    name, is_of_picture = str(found["loc"][-1]), len(found["loc"]) > 1
    of_picture = sorted({*EncodedPicture.model_fields, *LinkedPicture.model_fields})
    if name not in of_picture:
        known = of_picture if is_of_picture else ["images"]
        message = f"Unknown field; {advice(name, known)}. Options such as top_k go into the query"
    elif is_of_picture:
        message = "A picture comes either as b64 or by url; expected one of them, got both"
    else:
        message = f'Expected inside a picture: {{"images": [{{"{name}": "…"}}]}}'
    return {**found, "msg": message}


class EncodedPictures(BaseModel, defer_build=True):
    """A JSON body with pictures."""

    model_config = ConfigDict(extra="forbid")

    images: list[
        Annotated[
            Annotated[EncodedPicture, Tag(ENCODED)] | Annotated[LinkedPicture, Tag(LINKED)], Discriminator(_kind_of)
        ]
    ] = Field(min_length=1)
