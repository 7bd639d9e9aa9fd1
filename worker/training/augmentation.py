"""Random changes of training pictures: uint8 arrays in, uint8 arrays out, and light and contrast on scaled ones.

Vectorised over many pictures at once, and every choice comes from the generator passed in, so that an epoch can be
repeated exactly. Knows no Keras; nothing of this gets into the published model.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from PIL import Image

from worker.recipe.options import Augmentation

Pictures = NDArray[np.uint8]


class Augmenter:
    """Changes pictures as a request asks for.

    Args:
        options: what to change, and how far.
        mean_colour: uint8, shape (channels,): what cutout paints with, so that nothing bright or dark is added.
    """

    def __init__(self, options: Augmentation, mean_colour: Pictures) -> None:
        self._options = options
        self._mean_colour = mean_colour

    def change_geometry(self, images: Pictures, random: np.random.Generator) -> Pictures:
        """Flip, turn, move and cut out, in this order.

        Args:
            images: uint8, shape (n, height, width, channels); may be changed in place.
            random: where every choice comes from.

        Returns:
            uint8, same shape.
        """
        options = self._options
        if options.horizontal_flip:
            _flip(images, random)
        if options.rotation_degrees:
            _rotate(images, options.rotation_degrees, random)
        if options.shift_pixels:
            images = _shift(images, options.shift_pixels, options.padding, random)
        if options.cutout_pixels:
            _cut_out(images, options.cutout_pixels, self._mean_colour, random)
        return images

    def change_light(self, inputs: NDArray[np.float32], random: np.random.Generator) -> None:
        """Change contrast and brightness in place, clipped to [0, 1].

        Args:
            inputs: float32, shape (n, height, width, channels), values in [0, 1].
            random: where every choice comes from.
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


def _flip(images: Pictures, random: np.random.Generator) -> None:
    chosen = np.flatnonzero(random.random(len(images)) < 0.5)
    images[chosen] = images[chosen, :, ::-1]


def _rotate(images: Pictures, degrees: float, random: np.random.Generator) -> None:
    """Pillow's bilinear rotation, picture by picture: here faster than NumPy's gathering of four neighbours each."""
    for image, angle in zip(images, random.uniform(-degrees, degrees, len(images)), strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        turned = np.asarray(picture.rotate(angle, Image.Resampling.BILINEAR))
        image[...] = turned.reshape(image.shape)


def _shift(images: Pictures, pixels: int, padding: str, random: np.random.Generator) -> Pictures:
    """A window of the picture's own size, somewhere in the picture with a border around it."""
    n, height, width, channels = images.shape
    border = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
    padded = np.pad(images, border, "reflect") if padding == "reflect" else np.pad(images, border)
    # A view of all windows, a row's pixels and channels together: picking one is a copy of whole rows.
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
    """A square around a random pixel, cut off at the border (DeVries and Taylor, 2017)."""
    n, height, width, _ = images.shape
    rows = _in_square(random.integers(0, height, (n,)), height, side)
    columns = _in_square(random.integers(0, width, (n,)), width, side)
    images[rows[:, :, None] & columns[:, None, :]] = colour


def _in_square(centres: NDArray[np.int64], length: int, side: int) -> NDArray[np.bool_]:
    first = (centres - side // 2)[:, None]
    positions = np.arange(length)
    inside: NDArray[np.bool_] = (positions >= first) & (positions < first + side)
    return inside
