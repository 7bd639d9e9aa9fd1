"""A version as MLflow loads it: the file `MLmodel`, which makes the downloaded directory a model of its ONNX flavour.

The format is MLflow's "Model Format"; its fields are YAML, whose values are written here as JSON, which is YAML too.
MLflow itself is not needed: nothing of it runs here.
"""

import json
from collections.abc import Sequence
from typing import Any

from model_store import Manifest
from worker.artifacts import INPUT_TENSOR, ONNX_FILE, OUTPUT_TENSOR

MLMODEL_FILE = "MLmodel"


def mlflow_model(manifest: Manifest) -> str:
    """The content of `MLmodel`.

    Args:
        manifest: of the version.
    """
    onnx = manifest.files[ONNX_FILE]
    fields = {
        "flavors": {
            "onnx": {"data": ONNX_FILE, "providers": ["CPUExecutionProvider"], "onnx_session_options": None},
            "python_function": {"loader_module": "mlflow.onnx", "data": ONNX_FILE},
        },
        "model_size_bytes": onnx.size_bytes,
        # The same for the same network: MLflow wants 32 hexadecimal digits that differ between models.
        "model_uuid": onnx.sha256[:32],
        "utc_time_created": f"{manifest.published_at:%Y-%m-%d %H:%M:%S.%f}",
        "signature": _signature(manifest),
        "metadata": {
            "name": manifest.model,
            "version": manifest.version,
            "classes": list(manifest.classes),
            "dataset": manifest.dataset,
            "dataset_fingerprint": manifest.dataset_fingerprint,
            "metrics": manifest.metrics,
        },
    }
    # Escaped to ASCII: characters such as U+0085 end a line in YAML, and not in JSON.
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())


def _signature(manifest: Manifest) -> dict[str, str | None]:
    return {
        "inputs": _tensor(INPUT_TENSOR, (-1, *manifest.input_shape)),
        "outputs": _tensor(OUTPUT_TENSOR, (-1, len(manifest.classes))),
        "params": None,
    }


def _tensor(name: str, shape: Sequence[int]) -> str:
    """One tensor of float32 in MLflow's notation, which is JSON in a text."""
    tensor: dict[str, Any] = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": list(shape)}, "name": name}
    return json.dumps([tensor])
