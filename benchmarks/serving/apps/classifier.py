"""What is the same in every app: pictures from bytes with Pillow, one run of ONNX Runtime for those of a request."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

SIZE = (32, 32)


class Classifier:
    """The network in `model.onnx` of the directory that the environment names, with one thread."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = Path(os.environ["MODEL_DIRECTORY"]) / "model.onnx"
        self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def answers(self, files: Sequence[bytes]) -> list[dict[str, object]]:
        """The most probable class of every picture, and all probabilities."""
        pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB").resize(SIZE)) for file in files]
        images = np.stack(pictures).astype(np.float32) / 255
        (rows,) = self._session.run(["probabilities"], {"images": images})
        return [
            {"class_index": int(row.argmax()), "probability": float(row.max()), "probabilities": row.tolist()}
            for row in rows
        ]
