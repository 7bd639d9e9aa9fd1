"""What somebody writes in ten minutes: FastAPI's `UploadFile`, Pillow, and the network called once per request.

With ONNX Runtime: uvicorn --factory benchmarks.serving.naive:with_onnxruntime
With Keras: uvicorn --factory benchmarks.serving.naive:with_model_predict
"""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, File, Request, UploadFile
from PIL import Image

SIZE = (32, 32)


def with_onnxruntime() -> FastAPI:
    """Runs `model.onnx` with one thread."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = _directory() / "model.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return _app(lambda images: session.run(["probabilities"], {"images": images})[0])


def with_model_predict() -> FastAPI:
    """Runs `model.keras` by `model.predict`, as every tutorial does."""
    import keras  # noqa: PLC0415

    network = keras.saving.load_model(_directory() / "model.keras")
    return _app(lambda images: network.predict(images, verbose=0))


def _directory() -> Path:
    return Path(os.environ["MODEL_DIRECTORY"])


def _app(probabilities_of: Callable[[Any], Any]) -> FastAPI:
    app = FastAPI()

    def answers(files: list[bytes]) -> list[dict[str, object]]:
        pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB").resize(SIZE)) for file in files]
        rows = probabilities_of(np.stack(pictures).astype(np.float32) / 255)
        return [
            {"class_index": int(row.argmax()), "probability": float(row.max()), "probabilities": row.tolist()}
            for row in rows
        ]

    @app.post("/form")
    async def form(file: Annotated[list[UploadFile], File()]) -> list[dict[str, object]]:
        return answers([await part.read() for part in file])

    @app.post("/raw")
    async def raw(request: Request) -> list[dict[str, object]]:
        return answers([await request.body()])

    return app
