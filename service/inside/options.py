"""Options of the routes that look inside: in the query, or beside `images` in a JSON body."""

from collections.abc import Callable, Mapping
from typing import Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from service.predict.body_options import Options, validated

Format = Literal["json", "png"]
Method = Literal["occlusion", "gradcam"]


class MapsOptions(BaseModel, defer_build=True):
    """What to show of the maps."""

    model_config = ConfigDict(extra="forbid")

    layer: str | None = Field(default=None, max_length=200, description="Only this layer. Default: all layers.")
    values: bool = Field(default=False, description="Also every single value; only with `layer`.")
    channel: int | None = Field(default=None, ge=0, description="Only this channel; only with `layer`.")
    format: Format = Field(default="json", description="`png`: tiles of one layer, or an overview of all.")


class ExplainOptions(BaseModel, defer_build=True):
    """How to explain."""

    model_config = ConfigDict(extra="forbid")

    method: Method | None = Field(
        default=None,
        description="Default: `occlusion`, or `gradcam` where occlusion is expected to take more than 300 ms.",
    )
    label: str | None = Field(
        default=None, max_length=300, description="The class to explain. Default: the answer for the picture."
    )
    layer: str | None = Field(
        default=None, max_length=200, description="Where Grad-CAM looks. Default: the last layer that is explainable."
    )
    patch: int | None = Field(default=None, ge=1, le=1024, description="Occlusion: side of the patch, in pixels.")
    stride: int | None = Field(default=None, ge=1, le=1024, description="Occlusion: from place to place, in pixels.")
    fill: list[float] | None = Field(
        default=None,
        max_length=3,
        description="Occlusion: what the patch is filled with, in [0, 1]: one value, or one for each channel. Default: "
        "the mean of the training pictures.",
    )
    format: Format = Field(default="json", description="`png`: the evidence over the picture.")

    @field_validator("fill", mode="before")
    @classmethod
    def _one_value(cls, value: object) -> object:
        return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("fill")
    @classmethod
    def _in_range(cls, value: list[float] | None) -> list[float] | None:
        if value is not None and (not value or not all(0 <= each <= 1 for each in value)):
            raise ValueError(f"expected values from 0 to 1, got {value}")
        return value


def refused(option: str, message: str, part: Literal["query", "body"] = "query") -> RequestValidationError:
    """The error for one option that is valid by itself and does not fit the version or the other options."""
    return RequestValidationError([{"type": "value_error", "loc": (part, option), "msg": message}])


def combined(model: type[Options], query: Mapping[str, object], body: Mapping[str, JsonValue]) -> Options:
    """The options of the query and of the body together.

    Args:
        model: of the options.
        query: those that were given, by name.
        body: those beside the pictures.

    Raises:
        RequestValidationError: one is invalid, unknown, or in both.
    """
    twice = sorted(set(query) & set(body))
    if twice:
        message = f"{twice[0]} is in the query and in the body; expected it in one of them"
        raise refused(twice[0], message, "body")
    return validated(model, query, body)


def query_fill(text: str) -> list[object]:
    """A fill as the query has it: one number, or one for each channel between commas."""
    return _split(text, "fill", float)


def query_changes(query: Mapping[str, str]) -> dict[str, object]:
    """Changes as the query has them: amounts between commas, pairs and triples between colons."""
    return {name: _split(text, name, _filter if name == "without" else _amount) for name, text in query.items()}


def _split(text: str, name: str, read: Callable[[str], object]) -> list[object]:
    try:
        return [read(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError:
        example = {"fill": "0.5 or 0.4,0.5,0.6", "without": "conv2d:3,conv2d:4"}.get(name, "-4,0,4 or 2:3,4:5")
        message = f"not a list; expected such as {example}, got {text[:100]!r}"
        raise refused(name, message) from None


def _amount(text: str) -> object:
    numbers = [float(part) if "." in part or "e" in part.lower() else int(part) for part in text.split(":")]
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _filter(text: str) -> object:
    layer, _, channel = text.rpartition(":")
    return layer, int(channel)
