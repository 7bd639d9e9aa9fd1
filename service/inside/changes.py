"""Changes of a picture, each by some amounts: moved, turned, blurred, noisy, brighter, partly covered; and filters off.

Arrays only; the caller runs the network. `worker.training.augmentation` changes training pictures, at random.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pydantic import BaseModel, ConfigDict, Field

from worker.pictures.pixels import to_unit_range

MOST_AMOUNTS = 64
"""Of one change."""
SEED = 0
"""Of the noise, so that a request that is repeated has the same answer."""

Moves = Annotated[int, Field(ge=-512, le=512)]
Side = Annotated[int, Field(ge=1, le=512)]
Place = Annotated[int, Field(ge=0, le=512)]
LayerName = Annotated[str, Field(max_length=200)]
Channel = Annotated[int, Field(ge=0, le=1_000_000)]

Amount = int | float | list[int] | list[tuple[str, int]]
"""How much of a change, as it was asked for."""


class Changes(BaseModel, defer_build=True):
    """What to try; each amount gives one answer."""

    model_config = ConfigDict(extra="forbid")

    shift: list[Moves | tuple[Moves, Moves]] = Field(
        default=[],
        max_length=MOST_AMOUNTS,
        description="Pixels to the right, or a pair: pixels to the right and down. The border is repeated.",
        examples=[[-4, 0, 4]],
    )
    rotate: list[Annotated[float, Field(ge=-360, le=360)]] = Field(
        default=[], max_length=MOST_AMOUNTS, description="Degrees counter-clockwise; the border is repeated."
    )
    blur: list[Annotated[float, Field(ge=0, le=50)]] = Field(
        default=[], max_length=MOST_AMOUNTS, description="Standard deviation of a Gaussian, in pixels."
    )
    noise: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=[],
        max_length=MOST_AMOUNTS,
        description="Standard deviation of Gaussian noise; 1 is the difference between black and white. The same "
        "noise every time.",
    )
    brightness: list[Annotated[float, Field(ge=-1, le=1)]] = Field(
        default=[],
        max_length=MOST_AMOUNTS,
        description="Added to every pixel; 1 is the difference between black and white.",
    )
    occlude: list[Side | tuple[Place, Place, Side]] = Field(
        default=[],
        max_length=MOST_AMOUNTS,
        description="A square of the training pictures' mean colour: its side in pixels, in the middle; or its upper "
        "row, left column and side.",
    )
    without: list[tuple[LayerName, Channel]] = Field(
        default=[],
        max_length=MOST_AMOUNTS,
        description="Filters to switch off, all together: layer and channel, whose map becomes 0 everywhere.",
        examples=[[["conv2d", 3]]],
    )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not any(amounts for _, amounts in self)


@dataclass(frozen=True)
class Changed:
    """A picture after one change.

    Attributes:
        change: its name.
        amount: as it was asked for.
        image: float32, shape (height, width, channels), values in [0, 1].
    """

    change: str
    amount: Amount
    image: NDArray[np.float32]


def changed_pictures(
    pixels: NDArray[np.uint8], changes: Changes, fill: Callable[[], tuple[float, ...]]
) -> Iterator[Changed]:
    """The picture after every change but `without`, in the order of the fields.

    Args:
        pixels: uint8, shape (height, width, channels), values 0-255.
        changes: what to try.
        fill: the colour of covered places, a value in [0, 1] for each channel; asked for only if it is needed.
    """
    image = to_unit_range(pixels)
    for amount in changes.shift:
        right, down = amount if isinstance(amount, tuple) else (amount, 0)
        yield Changed("shift", _shown(amount), _shifted(image, right, down))
    for degrees in changes.rotate:
        yield Changed("rotate", degrees, _rotated(pixels, degrees))
    for sigma in changes.blur:
        yield Changed("blur", sigma, _filtered(pixels, ImageFilter.GaussianBlur(sigma)) if sigma else image)
    for strength in changes.noise:
        noise = np.random.default_rng(SEED).normal(size=image.shape).astype(np.float32)
        yield Changed("noise", strength, (image + np.float32(strength) * noise).clip(0, 1))
    for added in changes.brightness:
        yield Changed("brightness", added, (image + np.float32(added)).clip(0, 1))
    for square in changes.occlude:
        place = square if isinstance(square, tuple) else _in_the_middle(image.shape, square)
        yield Changed("occlude", list(square) if isinstance(square, tuple) else square, _covered(image, *place, fill()))


def _shown(amount: int | tuple[int, ...]) -> Amount:
    return list(amount) if isinstance(amount, tuple) else amount


def _shifted(image: NDArray[np.float32], right: int, down: int) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    rows = (np.arange(height) - down).clip(0, height - 1)
    columns = (np.arange(width) - right).clip(0, width - 1)
    moved: NDArray[np.float32] = image[rows[:, np.newaxis], columns]
    return moved


def _rotated(pixels: NDArray[np.uint8], degrees: float) -> NDArray[np.float32]:
    border = max(pixels.shape[:2]) // 2 + 1  # a square turned by 45 degrees reaches so far beyond its sides
    padded = np.pad(pixels, ((border, border), (border, border), (0, 0)), mode="edge")
    turned = np.asarray(_image(padded).rotate(degrees, Image.Resampling.BILINEAR))
    height, width = pixels.shape[:2]
    return to_unit_range(turned.reshape(padded.shape)[border : border + height, border : border + width])


def _filtered(pixels: NDArray[np.uint8], kernel: ImageFilter.Filter) -> NDArray[np.float32]:
    return to_unit_range(np.asarray(_image(pixels).filter(kernel)).reshape(pixels.shape))


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _in_the_middle(shape: tuple[int, ...], side: int) -> tuple[int, int, int]:
    return max(0, (shape[0] - side) // 2), max(0, (shape[1] - side) // 2), side


def _covered(
    image: NDArray[np.float32], top: int, left: int, side: int, fill: tuple[float, ...]
) -> NDArray[np.float32]:
    covered = image.copy()
    covered[top : top + side, left : left + side] = fill
    return covered
