"""Convolution and pooling against plain loops, and the arithmetic of shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.pictures.convolution import KERNELS, DoesNotFit, Operation, apply, shown

RANDOM = np.random.default_rng(5)


def looped(pixels: NDArray[np.uint8], operation: Operation) -> NDArray[np.float64]:
    """A convolution, one position after the other, with zeros on each side."""
    kernel, stride = np.array(operation.kernel), operation.stride
    assert isinstance(operation.padding, int)
    zeros = operation.padding
    padded = np.pad(pixels.astype(float), ((zeros, zeros), (zeros, zeros), (0, 0)))
    rows, columns = (range(0, padded.shape[axis] - kernel.shape[axis] + 1, stride) for axis in (0, 1))
    return np.array(
        [
            [
                (padded[row : row + kernel.shape[0], column : column + kernel.shape[1]] * kernel[..., None]).sum((0, 1))
                for column in columns
            ]
            for row in rows
        ]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 9), st.integers(3, 9), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
def test_a_convolution_equals_a_plain_loop(
    height: int, width: int, rows: int, columns: int, stride: int, padding: int
) -> None:
    pixels = RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)
    kernel = tuple(map(tuple, RANDOM.normal(size=(rows, columns)).tolist()))
    operation = Operation(kernel, stride, padding)
    values, (step,) = apply(pixels, operation)
    expected = looped(pixels, operation)
    assert values.shape == step.output_shape == expected.shape
    assert np.allclose(values, expected, atol=1e-3)
    assert step.height.endswith(f"= {values.shape[0]}")
    assert step.width.endswith(f"= {values.shape[1]}")


@pytest.mark.parametrize(("size", "stride", "result"), [(28, 1, 28), (28, 2, 14), (7, 3, 3)])
def test_same_padding_gives_the_size_divided_by_the_stride(size: int, stride: int, result: int) -> None:
    pixels = np.zeros((size, size, 1), np.uint8)
    values, (step,) = apply(pixels, Operation(KERNELS["blur"], stride, "same"))
    assert values.shape == (result, result, 1)
    assert step.padding[1] - step.padding[0] in (0, 1)


@pytest.mark.parametrize(("pooling", "expected"), [("max", 5.0), ("average", 2.5)])
def test_pooling_keeps_one_number_of_every_square(pooling: str, expected: float) -> None:
    pixels = np.array([[0, 1, 9], [4, 5, 9], [9, 9, 9]], np.uint8)[..., None]
    values, steps = apply(pixels, Operation(((1.0,),), pooling=pooling))  # type: ignore[arg-type]
    assert values.tolist() == [[[expected]]]
    assert steps[1].height == "(3 + 0 - 2) / 2, rounded down, + 1 = 1"


@pytest.mark.parametrize(
    "operation", [Operation(((1.0,) * 9,) * 9), Operation(KERNELS["blur"], pooling="max", pool_size=7)]
)
def test_what_does_not_fit_is_refused(operation: Operation) -> None:
    with pytest.raises(DoesNotFit, match="too large"):
        apply(np.zeros((8, 8, 1), np.uint8), operation)


def test_differences_are_shown_by_their_size_and_all_else_is_cut() -> None:
    values = np.array([[[-300.0], [-20.0], [0.0], [20.4], [300.0]]], np.float32)
    assert shown(values, KERNELS["edge"]).ravel().tolist() == [255, 20, 0, 20, 255]
    assert shown(values, KERNELS["sharpen"]).ravel().tolist() == [0, 0, 0, 20, 255]
