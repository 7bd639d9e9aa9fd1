"""How an ONNX file is opened, wherever it is run: on the CPU, without an arena, and without warnings.

ONNX Runtime is imported when the first session is opened: importing it starts a thread, and a process with threads
cannot be forked safely, see `worker.training.template`.
"""

from typing import Any

ALL_CORES = 0
_ONLY_ERRORS = 3  # ONNX Runtime's log severity


def open_session(model: bytes, threads: int) -> Any:  # noqa: ANN401 - ONNX Runtime publishes no types
    """A session of ONNX Runtime.

    The arena keeps the memory of the largest batch for as long as the session lives. Without it nothing is kept, and
    batches of 1 to 128 pictures of the preset `cnn` took the same time.

    Args:
        model: the ONNX file.
        threads: for one batch; `ALL_CORES` for one per core.

    Raises:
        Exception: the file holds no network; ONNX Runtime's errors have no common base class.
    """
    import onnxruntime  # noqa: PLC0415 - see above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_ERRORS
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
