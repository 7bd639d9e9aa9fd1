"""The lesson's convolution on somebody's own picture: options, limits and answer of `/convolve`. Asks no model."""

import base64
import json
import math
from typing import Annotated, Literal

import numpy as np
from fastapi.exceptions import RequestValidationError
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from service.predict.decoding import Decoder
from service.predict.encoded_pictures import EncodedPictures
from service.predict.uploads import Upload
from worker.pictures.convolution import KERNELS, ConvolutionStep, DoesNotFit, Kernel, Operation, Pooling, apply, shown
from worker.pictures.hard_pixels import png_of

LONGEST_SIDE = 256
"""A larger picture is reduced first: its result would be megabytes of JSON."""
LARGEST_KERNEL = 15
MOST_WEIGHT = 1000.0
DECIMALS = 4

KernelName = Literal["blur", "sharpen", "edge"]
Weight = Annotated[float, Field(ge=-MOST_WEIGHT, le=MOST_WEIGHT)]
Row = Annotated[list[Weight], Field(min_length=1, max_length=LARGEST_KERNEL)]
Matrix = Annotated[list[Row], Field(min_length=1, max_length=LARGEST_KERNEL)]


class ConvolveOptions(BaseModel, defer_build=True):
    """What is done to the picture."""

    model_config = ConfigDict(extra="forbid")

    kernel: KernelName | Matrix = Field(
        default="edge",
        description="A name, or rows of weights, at most 15 x 15. It is not flipped, as in networks.",
        examples=["edge", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]],
    )
    stride: int = Field(default=1, ge=1, le=16, description="Pixels from one position of the kernel to the next.")
    padding: Literal["valid", "same"] | Annotated[int, Field(ge=0, le=16)] = Field(
        default="valid",
        description="`valid`: none; `same`: zeros that keep the size at stride 1; or so many zeros on each side.",
    )
    pooling: Pooling | None = Field(default=None, description="What is kept of every square afterwards.")
    pool_size: int = Field(default=2, ge=1, le=16, description="Side of these squares, which do not overlap.")
    values: bool = Field(default=True, description="Whether the JSON has the numbers of the result.")
    format: Literal["json", "png"] = Field(default="json", description="Numbers and shapes, or the picture.")

    @field_validator("kernel")
    @classmethod
    def _has_rows_of_one_length(cls, kernel: KernelName | list[list[float]]) -> KernelName | list[list[float]]:
        if not isinstance(kernel, str) and len({len(row) for row in kernel}) > 1:
            raise ValueError("the rows of the kernel differ in length; expected rows of one length")
        return kernel

    @property
    def weights(self) -> Kernel:
        """The kernel as rows of weights."""
        return KERNELS[self.kernel] if isinstance(self.kernel, str) else tuple(map(tuple, self.kernel))


class ConvolveCall(EncodedPictures, ConvolveOptions):
    """A JSON body with one picture, and what is done to it."""


class ConvolveAnswer(BaseModel, defer_build=True):
    """A picture after convolution and, if it was asked for, pooling."""

    kernel: list[list[float]] = Field(description="Rows of weights.")
    stride: int
    padding: Literal["valid", "same"] | int
    pooling: Pooling | None
    pool_size: int
    input_shape: tuple[int, int, int] = Field(description="Of the picture as it was used: height, width, channels.")
    output_shape: tuple[int, int, int] = Field(description="Of the result: height, width, channels.")
    steps: list[ConvolutionStep] = Field(description="Each operation with the arithmetic of its shape.")
    min: float = Field(description="Of the result, in units of pixel values (0 to 255), like all values.")
    max: float
    mean: float
    deviation: float
    values: list[list[list[float]]] | None = Field(
        description="The result: rows, columns, channels; null when it was not wanted."
    )
    seen: str = Field(description="The picture as it was used, a `data:` URL of a PNG.")
    picture: str = Field(
        description="The result as a picture, a `data:` URL of a PNG: cut to 0-255; of a kernel whose weights add up "
        "to 0, the size of each value."
    )


async def convolve(upload: Upload, options: ConvolveOptions, decoder: Decoder) -> tuple[bytes, str]:
    """The result and its media type: a `ConvolveAnswer` as JSON, or a PNG.

    Raises:
        PictureRejected: the picture cannot be read.
        RequestValidationError: the kernel or the pool does not fit into it.
        TooManyPixels, Overloaded, ClientLeft: like a prediction.
    """
    pixels = await decoder.decode_whole(upload, LONGEST_SIDE)
    n_steps = math.prod(pixels.shape) * sum(map(len, options.weights))  # 45 million at most: 0.1 s
    try:
        return await decoder.in_thread(lambda: _answer(pixels, options), n_steps)
    except DoesNotFit as error:
        raise RequestValidationError([{"type": "value_error", "loc": ("query", "kernel"), "msg": str(error)}]) from None


def _answer(pixels: NDArray[np.uint8], options: ConvolveOptions) -> tuple[bytes, str]:
    operation = Operation(options.weights, options.stride, options.padding, options.pooling, options.pool_size)
    values, steps = apply(pixels, operation)
    picture = png_of(shown(values, options.weights))
    if options.format == "png":
        return picture, "image/png"
    answer = ConvolveAnswer(
        kernel=[list(row) for row in options.weights],
        stride=options.stride,
        padding=options.padding,
        pooling=options.pooling,
        pool_size=options.pool_size,
        input_shape=steps[0].input_shape,
        output_shape=steps[-1].output_shape,
        steps=steps,
        min=float(values.min()),
        max=float(values.max()),
        mean=float(values.mean()),
        deviation=float(values.std()),
        values=None,
        seen=_data_url(png_of(pixels)),
        picture=_data_url(picture),
    )
    # The numbers are not validated one by one: for 256 x 256 x 3 of them that takes longer than everything else.
    numbers = values.round(DECIMALS).astype(float).round(DECIMALS).tolist() if options.values else None
    return json.dumps(answer.model_dump() | {"values": numbers}).encode(), "application/json"


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
