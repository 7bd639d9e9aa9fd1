import pytest

from worker.jobs.memory_errors import is_out_of_memory, out_of_memory


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's is."""


class TensorTooLarge(ResourceExhaustedError):
    pass


class InternalError(Exception):
    pass


def wrapped(error: Exception) -> Exception:
    outer = ValueError("a library's own words")
    outer.__context__ = error  # as Python sets it where `from` is missing
    return outer


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError(),
        TensorTooLarge(),
        InternalError("Dst tensor is not initialized."),
        InternalError("failed to allocate 2.00GiB: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        InternalError("could not create handle: CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes."),
    ],
)
def test_an_error_for_want_of_memory_is_known_also_when_it_was_wrapped(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert is_out_of_memory(wrapped(error))


@pytest.mark.parametrize("error", [InternalError("the device is on fire"), OSError(28, "No space left on device")])
def test_other_errors_are_none(error: Exception) -> None:
    assert not is_out_of_memory(error)
    assert not is_out_of_memory(wrapped(error))


@pytest.mark.parametrize(("batch_size", "tried_next"), [(8192, 4096), (300, 128), (256, 128), (3, 1), (2, 1)])
def test_a_batch_size_to_try_is_named(batch_size: int, tried_next: int) -> None:
    failure = out_of_memory(batch_size)
    assert failure.code == "out_of_memory"
    assert f'"batch_size": {tried_next}, ' in (failure.hint or "")


def test_below_one_picture_there_is_only_a_smaller_network() -> None:
    assert "batch_size" not in (out_of_memory(1).hint or "")


def test_no_phase_is_guessed_and_a_killed_trainer_is_told_as_such() -> None:
    assert out_of_memory(64).message == "Memory ran out; the training's batches were of 64."
    assert out_of_memory(64, "The training process was killed").message.startswith("The training process was killed; ")
