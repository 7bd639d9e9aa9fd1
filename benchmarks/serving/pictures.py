"""The work every server gets: pictures of 32 x 32 pixels drawn by chance, and the requests that carry them."""

import io
import json

import numpy as np
from PIL import Image

from benchmarks.serving.load import http_request, multipart

SIDE = 32
MANY = 64
PHOTO = (4032, 3024)


def pictures(n: int) -> list[bytes]:
    """PNG files of about 2.4 kB: soft patches with a little noise, as photographs that small have."""
    rng = np.random.default_rng(1)
    return [_png(rng) for _ in range(n)]


def form_request(path: str, n: int, field: str = "file") -> bytes:
    """A POST with `n` pictures as a form."""
    return http_request(path, *multipart(pictures(n), field))


def raw_request(path: str) -> bytes:
    """A POST with one picture as its body."""
    return http_request(path, "image/png", pictures(1)[0])


def jpeg_request(path: str) -> bytes:
    """The same picture as a JPEG."""
    with Image.open(io.BytesIO(pictures(1)[0])) as picture:
        return http_request(path, "image/jpeg", _jpeg(picture))


def photo_request(path: str) -> bytes:
    """A POST with a JPEG of 12 million pixels and about 3 MB, as a phone takes it."""
    rng = np.random.default_rng(1)
    patches = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize(PHOTO, Image.Resampling.BICUBIC)).astype(np.int16)
    grain = rng.integers(-9, 10, (*soft.shape[:2], 1), dtype=np.int16)
    return http_request(path, "image/jpeg", _jpeg(Image.fromarray((soft + grain).clip(0, 255).astype(np.uint8))))


def tensor_request(model: str) -> bytes:
    """A POST with 64 pictures as one binary UINT8 tensor of the Open Inference Protocol."""
    pixels = np.random.default_rng(1).integers(0, 256, (MANY, SIDE, SIDE, 3), dtype=np.uint8).tobytes()
    tensor = {
        "name": "images",
        "datatype": "UINT8",
        "shape": [MANY, SIDE, SIDE, 3],
        "parameters": {"binary_data_size": len(pixels)},
    }
    output = {"name": "probabilities", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    length = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return http_request(f"/v2/models/{model}/infer", "application/octet-stream", head + pixels, length)


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def _png(rng: np.random.Generator) -> bytes:
    patches = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
    noisy = np.clip(soft + rng.integers(-3, 4, soft.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "PNG")
    return file.getvalue()
