"""What a client says about a model that was trained elsewhere. Knows neither HTTP nor files."""

import json
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from model_store.names import MODEL_PATTERN
from worker.imports.errors import short
from worker.imports.limits import LONGEST_CLASS, MAX_CLASSES, MAX_SIDE
from worker.patterns import TAG_PATTERN, size_of

ModelFormat = Literal["keras", "onnx"]
Outputs = Literal["auto", "probabilities", "logits"]
Layout = Literal["auto", "nhwc", "nchw"]


def _from_json(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Text that is JSON, as the field of a form or a query has it."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _names(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Names as a JSON list, or separated by commas."""
    read = _from_json(value)
    return [name.strip() for name in read.split(",")] if isinstance(read, str) else read


Number = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
PerChannel = Number | Annotated[tuple[Number, ...], Field(min_length=1, max_length=4)]


class PixelScaling(BaseModel, defer_build=True):
    """What is done with pixels of 0 to 255 before the model gets them: `pixel * scale + offset`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: PerChannel = Field(default=1.0, description="One number, or one for each channel.")
    offset: PerChannel = Field(default=0.0, description="One number, or one for each channel.")
    channels: Literal["rgb", "bgr"] = Field(default="rgb", description="Order in which the model expects colours.")


SCALINGS: dict[str, PixelScaling] = {
    "unit": PixelScaling(scale=1 / 255),
    "pixels": PixelScaling(),
    "symmetric": PixelScaling(scale=1 / 127.5, offset=-1.0),
    "imagenet": PixelScaling(
        scale=(1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
        offset=(-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
    ),
    "caffe": PixelScaling(offset=(-103.939, -116.779, -123.68), channels="bgr"),
}
"""`unit`: [0, 1]. `symmetric`: [-1, 1]. `imagenet`: mean 0, deviation 1 over ImageNet, as PyTorch's models expect.
`caffe`: blue first, less the mean of ImageNet, as Keras's ResNet and VGG expect."""


def _preprocessing(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A name, or an object that is read here so that an error has its own path."""
    read = _from_json(value)
    if isinstance(read, dict):
        return PixelScaling.model_validate(read)
    if not isinstance(read, PixelScaling) and read not in ("auto", *SCALINGS):
        raise PydanticCustomError(
            "preprocessing",
            "no such preprocessing; expected auto, {known}, or an object with scale, offset and channels, got {got}",
            {"known": ", ".join(SCALINGS), "got": short(read)},
        )
    return read


Preprocessing = Annotated[
    Literal["auto", "unit", "pixels", "symmetric", "imagenet", "caffe"] | PixelScaling, BeforeValidator(_preprocessing)
]
ClassName = Annotated[str, Field(min_length=1, max_length=LONGEST_CLASS)]
Classes = Annotated[tuple[ClassName, ...], BeforeValidator(_names), Field(min_length=2, max_length=MAX_CLASSES)]
Side = Annotated[int, Field(ge=4, le=MAX_SIDE)]
Tag = Annotated[str, Field(pattern=TAG_PATTERN)]


class ImportOptions(BaseModel, defer_build=True):
    """How a file becomes a version: everything has a default, which the answer shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str | None = Field(
        default=None,
        pattern=MODEL_PATTERN,
        validation_alias=AliasChoices("name", "model"),
        description="Name to publish under. Default: the name of the file.",
        examples=["boots"],
    )
    classes: Classes | None = Field(
        default=None,
        description="Names of the classes in the order of the model's outputs: a JSON list, or names separated by "
        "commas. Default: those of `dataset`; without one, `0`, `1`, `2` and so on.",
        examples=["cat,dog"],
    )
    preprocessing: Preprocessing = Field(
        default="auto",
        description="What the model expects of pixels: `unit` ([0, 1]), `pixels` (0 to 255), `symmetric` ([-1, 1]), "
        "`imagenet` (as PyTorch's models), `caffe` (as Keras's ResNet and VGG), or an object with `scale`, `offset` "
        "and `channels` (`rgb` or `bgr`), which are applied to pixels of 0 to 255. `auto`: `pixels` for a Keras file "
        "that begins with a layer that scales such pixels, otherwise `unit`.",
        examples=["unit"],
    )
    outputs: Outputs = Field(
        default="auto",
        description="Whether the model answers with `probabilities` or `logits`; `auto` looks at its end and its "
        "answers.",
    )
    image_size: Annotated[tuple[Side, Side], BeforeValidator(size_of)] | None = Field(
        default=None,
        description="Height and width of pictures, `64` or `48x64`: needed only by a model that takes pictures of any "
        "size.",
    )
    layout: Layout = Field(
        default="auto",
        description="Axes of an ONNX file's input: `nhwc`, `nchw`, or `auto`, which looks for the channels.",
    )
    dataset: str | None = Field(
        default=None, pattern=MODEL_PATTERN, description="Dataset on whose test pictures the model is evaluated."
    )
    tags: Annotated[tuple[Tag, ...], BeforeValidator(_names), Field(max_length=10)] = Field(
        default=(), description="Words to find the job by, separated by commas."
    )
    note: str | None = Field(default=None, max_length=500, description="A remark for people.")

    @model_validator(mode="after")
    def _distinct(self) -> "ImportOptions":
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise ValueError("the classes are not distinct; expected every name once")
        return self


class ImportedModel(BaseModel, defer_build=True):
    """The file that a job imports, and what was said about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    upload: str = Field(pattern=r"^[a-z0-9-]{1,63}$", description="Where the store keeps the file until the job ends.")
    format: ModelFormat = Field(description="Recognised by the file's first bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the file, in lowercase hex.")
    size_bytes: int = Field(ge=0)
    classes: tuple[str, ...] | None = Field(description="Null: `0`, `1`, `2` and so on.")
    preprocessing: Preprocessing
    outputs: Outputs
    image_size: tuple[int, int] | None
    layout: Layout
    evaluated: bool = Field(description="Whether the job's `dataset` tests the model.")
