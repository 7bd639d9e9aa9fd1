"""Numbers on the wire: what becomes an array, bit for bit, and what is refused although numpy would take it."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.errors import CallRejected
from service.protocols.tensors import DATATYPES, batch_shape, from_bytes, from_list, unnested

SHAPE = (2, 2, 2, 1)
FLOATS = np.linspace(0, 1, 8, dtype=np.float32).reshape(SHAPE)
BYTES = np.arange(0, 256, 32, dtype=np.uint8).reshape(SHAPE)


@pytest.mark.parametrize("values", [FLOATS, BYTES], ids=["FP32", "UINT8"])
@pytest.mark.parametrize("is_flat", [True, False])
def test_flat_and_nested_lists_are_the_same_tensor(values: NDArray[Any], is_flat: bool) -> None:
    datatype = {"float32": "FP32", "uint8": "UINT8"}[str(values.dtype)]
    found = from_list((values.ravel() if is_flat else values).tolist(), datatype, SHAPE)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(("datatype", "wire"), [("FP16", "<f2"), ("FP32", "<f4"), ("FP64", "<f8")])
def test_raw_floats_become_float32(datatype: str, wire: str) -> None:
    found = from_bytes(memoryview(FLOATS.astype(wire).tobytes()), datatype, SHAPE)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, FLOATS.astype(wire).astype(np.float32))


def test_raw_floats_are_little_endian_and_may_start_at_any_byte() -> None:
    data = memoryview(b"{" + struct.pack("<8f", *FLOATS.ravel().tolist()))[1:]
    found = from_bytes(data, "FP32", SHAPE)
    assert found.flags.aligned
    np.testing.assert_array_equal(found, FLOATS)


def test_raw_bytes_are_not_copied() -> None:
    data = bytearray(BYTES.tobytes())
    found = from_bytes(memoryview(data), "UINT8", SHAPE)
    data[0] = 77
    assert found[0, 0, 0, 0] == 77


def test_an_empty_batch_is_a_batch() -> None:
    assert from_list([], "FP32", (0, 2, 2, 1)).shape == (0, 2, 2, 1)
    assert from_bytes(memoryview(b""), "UINT8", (0, 2, 2, 1)).shape == (0, 2, 2, 1)


def test_integers_are_fine_as_floats_and_what_is_too_large_becomes_infinite() -> None:
    found = from_list([0, 1, 10**30, -1, 1e300, 2.5, float("nan"), 1], "FP32", SHAPE).ravel()
    np.testing.assert_array_equal(found, np.array([0, 1, 1e30, -1, np.inf, 2.5, np.nan, 1], np.float32))


@pytest.mark.parametrize(
    "element", ["0.5", None, True, {}, [0.5], 10**400], ids=["string", "null", "true", "object", "list", "huge"]
)
@pytest.mark.parametrize("place", [0, 7])
def test_only_numbers_are_numbers(element: object, place: int) -> None:
    data: list[object] = [0.5] * 8
    data[place] = element
    with pytest.raises(CallRejected):
        from_list(data, "FP32", SHAPE)


@pytest.mark.parametrize("element", [-1, 256, 1.0, True, "1", None])
def test_uint8_values_are_integers_from_0_to_255(element: object) -> None:
    with pytest.raises(CallRejected):
        from_list([element, *[1] * 7], "UINT8", SHAPE)


@pytest.mark.parametrize(
    "data",
    [
        [1] * 7,
        [1] * 9,
        [],
        [[1] * 4, [1] * 3],
        [[1] * 4, 1],
        [1, [1] * 4],
        [[1] * 4] * 2,
        [[[1, 1], [1, 1]]] * 2,
        [[[[1]] * 2] * 2] * 3,
        [[], []],
        [[[[[[1] * 8]]]]],
    ],
)
def test_lists_that_do_not_fit_the_shape_are_refused(data: list[Any]) -> None:
    with pytest.raises(CallRejected):
        from_list(data, "FP32", SHAPE)


@pytest.mark.parametrize("n_bytes", [0, 31, 33])
def test_bytes_that_do_not_fit_the_shape_are_refused(n_bytes: int) -> None:
    with pytest.raises(CallRejected, match="expected 32"):
        from_bytes(memoryview(bytes(n_bytes)), "FP32", SHAPE)


@pytest.mark.parametrize("datatype", [*sorted(DATATYPES - {"UINT8", "FP16", "FP32", "FP64"}), "FLOAT", "fp32", ""])
def test_other_datatypes_are_refused(datatype: str) -> None:
    with pytest.raises(CallRejected, match="datatype"):
        from_bytes(memoryview(bytes(32)), datatype, SHAPE)
    with pytest.raises(CallRejected, match="datatype"):
        from_list([1] * 8, datatype, SHAPE)


def test_json_has_no_half_precision() -> None:
    with pytest.raises(CallRejected, match="datatype"):
        from_list([1] * 8, "FP16", SHAPE)


@pytest.mark.parametrize(
    "claimed",
    [
        [],
        [2],
        [2, 2, 1],
        [2, 2, 2, 3],
        [1, 2, 2, 2, 1],
        [-1, 2, 2, 1],
        [1.0, 2, 2, 1],
        ["1", 2, 2, 1],
        [True, 2, 2, 1],
        [None, 2, 2, 1],
        [2**64, 2, 2, 1],
        [10**4000, 2, 2, 1],
        [2**32, 2**32, 1, 1],
        [[2, 2, 2, 1]],
        [1] * 100_000,
    ],
    ids=lambda claimed: str(claimed)[:30],
)
def test_shapes_that_do_not_fit_the_model_are_refused(claimed: list[Any]) -> None:
    with pytest.raises(CallRejected) as raised:
        batch_shape(claimed, (2, 2, 1))
    assert len(str(raised.value)) < 300


def test_nothing_is_allocated_from_a_claimed_size() -> None:
    shape = batch_shape([2**47, 2, 2, 1], (2, 2, 1))
    with pytest.raises(CallRejected, match="expected 562949953421312 elements"):
        from_list([1], "FP32", shape)
    with pytest.raises(CallRejected, match="expected 2251799813685248, got 8"):
        from_bytes(memoryview(bytes(8)), "FP32", shape)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=5))
def test_unnesting_gives_the_elements_in_order_and_the_shape(shape: list[int]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    assert unnested(values.tolist()) == (values.ravel().tolist(), tuple(shape))
