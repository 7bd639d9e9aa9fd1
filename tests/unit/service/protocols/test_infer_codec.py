"""Requests and answers of the Open Inference Protocol as bytes, without a server."""

import json
import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from model_store import Manifest
from service.errors import CallRejected
from service.protocols.infer_answers import write_infer_answer
from service.protocols.infer_calls import InferCall, KnownHeads, OutputWish, read_infer_call

INPUT_SHAPE = (2, 2, 1)
PIXELS = np.array([[[[0.0], [0.25]], [[0.5], [1.0]]]], np.float32)
PROBABILITIES = np.array([[0.25, 0.5, 0.25], [0.125, 0.0, 0.875]], np.float32)
MANIFEST = Manifest(
    classes=("plain", "with:colon", "größe"),
    input_shape=INPUT_SHAPE,
    parameters=1,
    metrics={},
    recipe={},
    architecture={},
    job="j",
    dataset="d",
    dataset_fingerprint="f",
    parity=0,
    runtime={},
    model="m",
    version=3,
    published_at=datetime(2026, 1, 1, tzinfo=UTC),
    files={},
)


def tensor(**changes: object) -> dict[str, Any]:
    known = {"name": "images", "shape": [1, 2, 2, 1], "datatype": "FP32", "data": PIXELS.tolist()}
    return {name: value for name, value in {**known, **changes}.items() if value is not ...}


def body(tail: bytes = b"", /, **changes: object) -> tuple[bytes, str | None]:
    request = {name: value for name, value in {"inputs": [tensor()], **changes}.items() if value is not ...}
    head = json.dumps(request).encode()
    return head + tail, str(len(head)) if tail else None


def read(content: bytes, length: str | None = None) -> InferCall:
    return read_infer_call(content, length, INPUT_SHAPE)


def binary(size: object, tail: bytes, **changes: object) -> tuple[bytes, str | None]:
    return body(tail, inputs=[tensor(data=..., parameters={"binary_data_size": size}, **changes)])


def test_a_json_request_has_pixels_and_wants_json() -> None:
    call = read(*body())
    np.testing.assert_array_equal(call.pixels, PIXELS)
    assert call.outputs == (OutputWish(),)
    assert call.id is None


def test_binary_pixels_are_the_same_pixels() -> None:
    np.testing.assert_array_equal(read(*binary(16, PIXELS.tobytes())).pixels, PIXELS)


def test_a_request_of_nothing_but_a_tensor_is_one_picture_and_wants_bytes() -> None:
    call = read(PIXELS.tobytes(), "0")
    np.testing.assert_array_equal(call.pixels, PIXELS)
    assert call.outputs == (OutputWish(is_binary=True),)


def test_unknown_fields_null_options_and_foreign_parameters_do_no_harm() -> None:
    found = read(*body(model_name="x", parameters={"timeout": 1, "priority": 0}, outputs=None, id=None, more=[]))
    assert found.outputs == (OutputWish(),)


@pytest.mark.parametrize(
    ("parameters", "output", "is_binary"),
    [
        ({}, {}, False),
        ({"binary_data_output": True}, {}, True),
        ({"binary_data_output": True}, {"binary_data": False}, False),
        ({"binary_data_output": False}, {"binary_data": True}, True),
    ],
)
def test_an_output_s_own_wish_wins(parameters: dict[str, bool], output: dict[str, bool], is_binary: bool) -> None:
    outputs = [{"name": "probabilities", "parameters": output}]
    assert read(*body(parameters=parameters, outputs=outputs)).outputs == (OutputWish(is_binary),)


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": ...},
        {"inputs": None},
        {"inputs": {}},
        {"inputs": []},
        {"inputs": [None]},
        {"inputs": [tensor(), tensor()]},
        {"inputs": [tensor(name=...)]},
        {"inputs": [tensor(name=1)]},
        {"inputs": [tensor(name="other")]},
        {"inputs": [tensor(shape=...)]},
        {"inputs": [tensor(shape="1,2,2,1")]},
        {"inputs": [tensor(shape=[1, 4])]},
        {"inputs": [tensor(datatype=...)]},
        {"inputs": [tensor(datatype=None)]},
        {"inputs": [tensor(datatype="INT32")]},
        {"inputs": [tensor(datatype="FLOAT32")]},
        {"inputs": [tensor(data=...)]},
        {"inputs": [tensor(data=None)]},
        {"inputs": [tensor(data="AAAA")]},
        {"inputs": [tensor(parameters=[])]},
        {"inputs": [tensor(parameters={"binary_data_size": 16})]},
        {"outputs": {}},
        {"outputs": ["probabilities"]},
        {"outputs": [{}]},
        {"outputs": [{"name": "logits"}]},
        {"outputs": [{"name": "probabilities", "parameters": 1}]},
        {"outputs": [{"name": "probabilities", "parameters": {"binary_data": "yes"}}]},
        {"outputs": [{"name": "probabilities", "parameters": {"classification": -1}}]},
        {"outputs": [{"name": "probabilities", "parameters": {"classification": 1.5}}]},
        {"outputs": [{"name": "probabilities", "parameters": {"classification": True}}]},
        {"parameters": []},
        {"parameters": {"binary_data_output": 1}},
        {"id": 7},
    ],
    ids=str,
)
def test_a_request_with_a_fault_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(CallRejected):
        read(*body(**changes))


@pytest.mark.parametrize(
    "content",
    [b"", b" ", b"{", b"[]", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b'{"inputs": [tru', b"{}}"],
)
def test_a_body_that_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(CallRejected):
        read(content)


@pytest.mark.parametrize("length", ["", "x", "-1", "1.5", "+5", " 5", "999999", "9" * 5000, "²"])
def test_a_length_that_cannot_be_one_is_refused(length: str) -> None:
    content, _ = body()
    with pytest.raises(CallRejected, match="Inference-Header-Content-Length"):
        read(content, length)


@pytest.mark.parametrize(
    ("size", "tail"),
    [
        (16, bytes(15)),
        (16, bytes(17)),
        (12, bytes(12)),
        (20, bytes(20)),
        (0, b""),
        (-16, bytes(16)),
        ("16", bytes(16)),
        (16.0, bytes(16)),
        (True, bytes(16)),
        (None, bytes(16)),
        (2**64, bytes(16)),
    ],
)
def test_sizes_that_disagree_are_refused(size: object, tail: bytes) -> None:
    with pytest.raises(CallRejected):
        read(*binary(size, tail))


def test_bytes_nobody_asked_for_are_refused() -> None:
    with pytest.raises(CallRejected, match="longer than its tensors"):
        read(*body(b"more"))


@pytest.mark.parametrize("n_bytes", [0, 4, 15, 32])
def test_a_raw_tensor_is_exactly_one_picture(n_bytes: int) -> None:
    with pytest.raises(CallRejected, match="expected 16"):
        read(bytes(n_bytes), "0")


def answer(*outputs: OutputWish, call_id: str | None = None) -> tuple[dict[str, Any], bytes, str | None]:
    found = write_infer_answer(InferCall(PIXELS, outputs, call_id), MANIFEST, PROBABILITIES)
    length = found.headers.get("Inference-Header-Content-Length")
    cut = int(length) if length is not None else len(found.content)
    assert found.media_type == ("application/json" if length is None else "application/octet-stream")
    return json.loads(found.content[:cut]), found.content[cut:], length


def test_a_json_answer_is_flat_names_its_version_and_restores_every_float() -> None:
    found, tail, length = answer(OutputWish(), call_id='7 "quoted" ü')
    assert (tail, length) == (b"", None)
    assert (found["model_name"], found["model_version"], found["id"]) == ("m", "3", '7 "quoted" ü')
    (output,) = found["outputs"]
    assert (output["name"], output["shape"], output["datatype"]) == ("probabilities", [2, 3], "FP32")
    np.testing.assert_array_equal(np.array(output["data"], np.float32), PROBABILITIES.ravel())


def test_a_binary_answer_has_its_tensor_behind_the_json() -> None:
    found, tail, _ = answer(OutputWish(is_binary=True))
    (output,) = found["outputs"]
    assert output["parameters"] == {"binary_data_size": 24}
    assert "data" not in output
    assert "id" not in found
    np.testing.assert_array_equal(np.frombuffer(tail, "<f4").reshape(2, 3), PROBABILITIES)


def test_classes_in_words_come_best_first() -> None:
    found, _, _ = answer(OutputWish(n_classes=2))
    (output,) = found["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    assert output["data"] == ["0.500000:1:with:colon", "0.250000:0:plain", "0.875000:2:größe", "0.125000:0:plain"]


def test_more_classes_than_there_are_is_all_of_them_and_words_can_be_binary() -> None:
    found, tail, _ = answer(OutputWish(is_binary=True, n_classes=99))
    (output,) = found["outputs"]
    assert output["shape"] == [2, 3]
    assert output["parameters"] == {"binary_data_size": len(tail)}
    words = []
    while tail:
        (size,) = struct.unpack_from("<I", tail)
        words.append(tail[4 : 4 + size].decode())
        tail = tail[4 + size :]
    assert words[0] == "0.500000:1:with:colon"
    assert words[3] == "0.875000:2:größe"
    assert len(words) == 6


def test_pixels_without_an_answer_are_the_client_s_fault() -> None:
    with pytest.raises(CallRejected, match="finite"):
        write_infer_answer(InferCall(PIXELS, (OutputWish(),)), MANIFEST, PROBABILITIES * np.float32("nan"))


def test_a_head_that_was_seen_before_is_read_like_a_new_one() -> None:
    heads = KnownHeads()
    wanted = {"outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}], "id": "a"}
    length: str | None = None
    for tail in (bytes(range(8)), bytes(range(8, 16)), bytes(8)):
        content, length = body(
            tail,
            inputs=[tensor(data=..., datatype="UINT8", shape=[2, 2, 2, 1], parameters={"binary_data_size": 8})],
            **wanted,
        )
        assert length is not None
        found, expected = heads.read(content, length, INPUT_SHAPE), read(content, length)
        assert found.pixels.tolist() == expected.pixels.tolist()
        assert found.pixels.dtype == np.uint8
        assert (found.outputs, found.id) == (expected.outputs, "a")
    assert length is not None
    for wrong in (content[:-1], content + b"x"):
        with pytest.raises(CallRejected):
            heads.read(wrong, length, INPUT_SHAPE)
    with pytest.raises(CallRejected):
        heads.read(content, length, (2, 1, 2))
