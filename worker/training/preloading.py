"""Imports everything that a job needs, in the cheapest way."""

import gc
import importlib

_MODULES = (
    "worker.training.absent",
    "worker.training.pipeline",
    "worker.training.warmup",
    # What an export imports when it begins: 0.26 s of processor time of every job.
    "tf2onnx",
    "tf2onnx.tfonnx",
    "onnx.reference.ops",
)


def import_pipeline() -> None:
    """Import Keras and the pipeline; nothing is computed and no thread is started but those of NumPy's OpenBLAS.

    The garbage collector pauses meanwhile: imports leave little garbage, and looking for it among half a million new
    objects took 1.0 s of 5.6 s of processor time. It never looks at these objects again, so that a process forked from
    this one goes on sharing their memory.
    """
    gc.disable()
    try:
        for module in _MODULES:
            importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()
