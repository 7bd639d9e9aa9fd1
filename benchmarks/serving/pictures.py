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


def photo(width: int, height: int, grain: int, file_format: str = "JPEG") -> bytes:
    """A file of soft patches with so much grain, in levels, of the size of a photograph."""
    rng = np.random.default_rng(1)
    patches = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    noise = rng.integers(-grain, grain + 1, (height, width, 1), dtype=np.int16)
    return _encoded(Image.fromarray((soft + noise).clip(0, 255).astype(np.uint8)), file_format)


def form_request(path: str, n: int, field: str = "file") -> bytes:
    """A POST with `n` pictures as a form."""
    return http_request(path, *multipart(pictures(n), field))


def raw_request(path: str) -> bytes:
    """A POST with one picture as its body."""
    return http_request(path, "image/png", pictures(1)[0])


def jpeg_request(path: str) -> bytes:
    """The same picture as a JPEG."""
    with Image.open(io.BytesIO(pictures(1)[0])) as picture:
        return http_request(path, "image/jpeg", _encoded(picture, "JPEG"))


def photo_request(path: str) -> bytes:
    """A POST with a JPEG of 12 million pixels and about 3 MB, as a phone takes it."""
    return http_request(path, "image/jpeg", photo(*PHOTO, grain=9))


def tensor_request(model: str, n: int = MANY) -> bytes:
    """A POST with `n` pictures as one binary UINT8 tensor of the Open Inference Protocol."""
    pixels = np.random.default_rng(1).integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8).tobytes()
    tensor = {
        "name": "images",
        "datatype": "UINT8",
        "shape": [n, SIDE, SIDE, 3],
        "parameters": {"binary_data_size": len(pixels)},
    }
    output = {"name": "probabilities", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    length = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return http_request(f"/v2/models/{model}/infer", "application/octet-stream", head + pixels, length)


def _encoded(picture: Image.Image, file_format: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **({"quality": 90} if file_format == "JPEG" else {}))
    return file.getvalue()


def _png(rng: np.random.Generator) -> bytes:
    patches = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
    noisy = np.clip(soft + rng.integers(-3, 4, soft.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "PNG")
    return file.getvalue()
