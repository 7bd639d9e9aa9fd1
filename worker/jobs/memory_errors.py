"""Recognizes errors that mean "out of memory", and suggests what to try instead."""

from worker.jobs.errors import causes
from worker.jobs.records import JobFailure

_BY_NAME = frozenset({"ResourceExhaustedError"})  # TensorFlow's; by name, because TensorFlow may not be installed
_BY_MESSAGE = (
    "RESOURCE_EXHAUSTED",  # JAX's XlaRuntimeError, and XLA inside TensorFlow
    "Dst tensor is not initialized",  # TensorFlow: a copy to a GPU did not fit into its memory
    "CUDA_ERROR_OUT_OF_MEMORY",
    "_ALLOC_FAILED",  # CUBLAS_STATUS_ALLOC_FAILED, CUDNN_STATUS_ALLOC_FAILED and similar
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the machine or the GPU ran out, also if a library has wrapped the error."""
    return any(_says_so(link) for link in causes(error))


def out_of_memory(batch_size: int, what_happened: str = "Memory ran out") -> JobFailure:
    """The failure of a job that took too much memory.

    Args:
        batch_size: batch size of the training.
        what_happened: the beginning of a sentence.
    """
    if batch_size == 1:
        hint = "Even one picture at a time is too much: choose a smaller network, or a smaller `input_size` of it."
    else:
        hint = f'Try "batch_size": {_half(batch_size)}, or a smaller network.'
    return JobFailure(
        code="out_of_memory", message=f"{what_happened}; the training's batches were of {batch_size}.", hint=hint
    )


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or not _BY_NAME.isdisjoint(kind.__name__ for kind in type(error).__mro__):
        return True
    message = str(error)
    return any(words in message for words in _BY_MESSAGE)


def _half(batch_size: int) -> int:
    """The largest power of two that is at most half."""
    return 1 << ((batch_size // 2).bit_length() - 1)
