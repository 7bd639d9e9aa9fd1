"""Networks small enough to be written by hand, and pictures whose answers are known."""

import io
from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from model_store import Manifest, ModelStore, VersionFacts

N_CLASSES = 10
SIDE = 4
CLASSES = tuple(f"brightness {k}" for k in range(N_CLASSES))


def brightness_network(sharpness: float = 400.0, channels: int = 3) -> bytes:
    """An ONNX file whose class is a picture's mean brightness, in tenths.

    logit k = sharpness * (2 * mean * c_k - c_k^2) is largest for the c_k nearest to the mean, and linear in the
    pixels: one matrix product.
    """
    n_values = SIDE * SIDE * channels
    centres = np.linspace(0, 1, N_CLASSES, dtype=np.float32)
    weights = np.tile(2 * sharpness * centres / n_values, (n_values, 1)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["images"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "brightness",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", SIDE, SIDE, channels])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", N_CLASSES])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(-sharpness * centres**2, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def publish(
    store: ModelStore,
    model: str = "brightness",
    files: Mapping[str, bytes] | None = None,
    **changes: object,
) -> Manifest:
    """Publish a version of the brightness network."""
    known: dict[str, object] = {
        "classes": CLASSES,
        "input_shape": (SIDE, SIDE, 3),
        "parameters": 490,
        "metrics": {"test_accuracy": 0.9, "test_loss": 0.3},
        "recipe": {"epochs": 1},
        "architecture": {"layers": []},
        "job": "job-1",
        "dataset": "greys",
        "dataset_fingerprint": "ab" * 32,
        "parity": 0.0,
        "runtime": {},
    }
    default_files = {
        "model.keras": b"PK weights",
        "model.onnx": brightness_network(),
        "history.json": b'{"loss": [0.5]}',
        "curves.png": grey_picture(3),
        "summary.txt": b"Layer (type)  Output Shape\n",
    }
    with store.draft(model) as draft:
        for name, data in (default_files if files is None else files).items():
            draft.add(name, data)
        return draft.commit(VersionFacts.model_validate(known | changes))


def grey_picture(tenth: int, picture_format: str = "PNG", mode: str = "RGB", side: int = 8) -> bytes:
    """A picture of one grey whose class is `tenth` (0-9)."""
    level = round(255 * tenth / (N_CLASSES - 1))
    return encode(Image.new("L", (side, side), level).convert(mode), picture_format)


def encode(picture: Image.Image, picture_format: str = "PNG", **options: object) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()
