"""A picture to be classified, as bytes of a PNG file."""

import io

from PIL import Image


def _png() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((28, 28), 90).save(file, "PNG")
    return file.getvalue()


PNG = _png()
