"""Random augmentation of training pictures: geometry on uint8 arrays, brightness and contrast on scaled arrays.

Works on many pictures at once. Every random choice comes from the given generator, so that an epoch can be repeated
exactly. Uses no Keras; augmentation is not part of the published model.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from PIL import Image

from worker.recipe.options import Augmentation

Pictures = NDArray[np.uint8]


class Augmenter:
    """Augments pictures according to a job's options.

    Args:
        options: which changes to make, and how strong.
        mean_colour: uint8, shape (channels,); cutout fills with it, so that it adds nothing bright or dark.
    """

    def __init__(self, options: Augmentation, mean_colour: Pictures) -> None:
        self._options = options
        self._mean_colour = mean_colour

    def change_geometry(
        self, images: Pictures, random: np.random.Generator, flipped: NDArray[np.bool_] | None = None
    ) -> Pictures:
        """Flip, rotate, shift and cut out, in this order.

        Args:
            images: uint8, shape (n, height, width, channels); may be changed in place.
            random: source of all random choices.
            flipped: which pictures to flip, bool, shape (n,); chosen at random if not said.

        Returns:
            uint8, same shape.
        """
        options = self._options
        if options.horizontal_flip:
            _flip(images, random.random(len(images)) < 0.5 if flipped is None else flipped)
        if options.rotation_degrees:
            _rotate(images, options.rotation_degrees, random)
        if options.shift_pixels:
            images = _shift(images, options.shift_pixels, options.padding, random)
        if options.cutout_pixels:
            _cut_out(images, options.cutout_pixels, self._mean_colour, random)
        return images

    @property
    def alternates(self) -> bool:
        """Whether each picture is to be flipped in every second epoch."""
        return self._options.horizontal_flip and self._options.alternate_flip

    def change_light(self, inputs: NDArray[np.float32], random: np.random.Generator) -> None:
        """Change contrast and brightness in place, clipped to [0, 1].

        Args:
            inputs: float32, shape (n, height, width, channels), values in [0, 1].
            random: source of all random choices.
        """
        options = self._options
        if not (options.brightness or options.contrast):
            return
        n = len(inputs)
        gain = random.uniform(1 - options.contrast, 1 + options.contrast, n).astype(np.float32)
        offset = random.uniform(-options.brightness, options.brightness, n).astype(np.float32)
        if options.contrast:
            offset += inputs.reshape(n, -1).mean(axis=1) * (1 - gain)
            inputs *= gain[:, None, None, None]
        inputs += offset[:, None, None, None]
        np.clip(inputs, 0, 1, out=inputs)


def mean_colour(images: Pictures) -> Pictures:
    """The mean of up to a thousand pictures, per channel: uint8, shape (channels,)."""
    spread = images[:: max(1, len(images) // 1000)]
    mean: Pictures = spread.mean(axis=(0, 1, 2)).round().astype(np.uint8)
    return mean


def _flip(images: Pictures, is_chosen: NDArray[np.bool_]) -> None:
    chosen = np.flatnonzero(is_chosen)
    images[chosen] = images[chosen, :, ::-1]


def _rotate(images: Pictures, degrees: float, random: np.random.Generator) -> None:
    """Rotate with Pillow (bilinear), one picture at a time: faster here than gathering four neighbours with NumPy."""
    for image, angle in zip(images, random.uniform(-degrees, degrees, len(images)), strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        rotated = np.asarray(picture.rotate(angle, Image.Resampling.BILINEAR))
        image[...] = rotated.reshape(image.shape)


def _shift(images: Pictures, pixels: int, padding: str, random: np.random.Generator) -> Pictures:
    """Crop a window of the picture's size at a random position of the padded picture."""
    n, height, width, channels = images.shape
    border = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
    padded = np.pad(images, border, "reflect") if padding == "reflect" else np.pad(images, border)
    # A view of all windows with a row's pixels and channels in one axis: selecting a window copies whole rows.
    per_image, per_row, per_column, _ = padded.strides
    windows = as_strided(
        padded,
        shape=(n, 2 * pixels + 1, 2 * pixels + 1, height, width * channels),
        strides=(per_image, per_row, per_column, per_row, 1),
        writeable=False,
    )
    top, left = random.integers(0, 2 * pixels + 1, (2, n))
    shifted: Pictures = windows[np.arange(n), top, left].reshape(images.shape)
    return shifted


def _cut_out(images: Pictures, side: int, colour: Pictures, random: np.random.Generator) -> None:
    """Fill a square around a random pixel, clipped at the border (DeVries and Taylor, 2017)."""
    n, height, width, _ = images.shape
    rows = _in_square(random.integers(0, height, (n,)), height, side)
    columns = _in_square(random.integers(0, width, (n,)), width, side)
    images[rows[:, :, None] & columns[:, None, :]] = colour


def _in_square(centres: NDArray[np.int64], length: int, side: int) -> NDArray[np.bool_]:
    first = (centres - side // 2)[:, None]
    positions = np.arange(length)
    inside: NDArray[np.bool_] = (positions >= first) & (positions < first + side)
    return inside
