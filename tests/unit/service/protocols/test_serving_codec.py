"""Requests of TensorFlow Serving's REST API as bytes, without a server."""

import base64
import json

import numpy as np
import pytest

from service.errors import CallRejected
from service.protocols.pictures import Pictures
from service.protocols.serving_calls import PredictCall, read_classify_call, read_predict_call

SHAPE = (2, 2, 1)
BATCH = np.array([[[[0.0], [0.25]], [[0.5], [1.0]]], [[[1.0], [0.0]], [[1.0], [0.0]]]], np.float32)
IMAGE = BATCH[0].tolist()
FILE = {"b64": base64.b64encode(b"a picture").decode()}


def predict(**request: object) -> PredictCall:
    return read_predict_call(json.dumps(request).encode(), SHAPE)


def classify(**request: object) -> Pictures:
    return read_classify_call(json.dumps(request).encode(), SHAPE)


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        ({"instances": BATCH.tolist()}, "predictions"),
        ({"instances": [{"images": image} for image in BATCH.tolist()]}, "predictions"),
        ({"inputs": BATCH.tolist()}, "outputs"),
        ({"inputs": {"images": BATCH.tolist()}}, "outputs"),
        ({"inputs": {"images": BATCH.tolist(), "more": 1}, "unknown": None}, "outputs"),
    ],
)
def test_rows_and_columns_are_the_same_pictures(request_: dict[str, object], key: str) -> None:
    for signature in ({}, {"signature_name": ""}, {"signature_name": "serving_default"}):
        call = predict(**request_, **signature)
        assert call.answer_key == key
        np.testing.assert_array_equal(call.pictures, BATCH)


@pytest.mark.parametrize(
    "request_",
    [
        {"instances": [FILE, FILE]},
        {"instances": [{"images": FILE}, {"images": FILE}]},
        {"inputs": [FILE, FILE]},
        {"inputs": {"images": [FILE, FILE]}},
    ],
)
def test_files_may_stand_wherever_a_picture_may(request_: dict[str, object]) -> None:
    assert predict(**request_).pictures == [b"a picture", b"a picture"]


def test_examples_are_flat_or_files() -> None:
    examples = [{"images": image.ravel().tolist(), "more": 1} for image in BATCH]
    np.testing.assert_array_equal(classify(examples=examples, context={"a": 1}), BATCH)
    assert classify(examples=[{"images": FILE}]) == [b"a picture"]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"instances": [IMAGE], "inputs": [IMAGE]},
        {"instances": None},
        {"instances": {}},
        {"instances": []},
        {"instances": 1.0},
        {"instances": IMAGE},
        {"instances": [[IMAGE]]},
        {"instances": [1, 2]},
        {"instances": [IMAGE, IMAGE[:1]]},
        {"instances": [[[[0.0], [1.0]], [[0.0]]]]},
        {"instances": [[[["0.5"], [1.0]], [[0.0], [0.0]]]]},
        {"instances": [[[[None], [1.0]], [[0.0], [0.0]]]]},
        {"instances": [[[[True], [1.0]], [[0.0], [0.0]]]]},
        {"instances": [{"pixels": IMAGE}]},
        {"instances": [{}]},
        {"instances": [{"images": IMAGE, "more": 1}]},
        {"instances": [{"images": IMAGE}, IMAGE]},
        {"instances": [IMAGE, {"images": IMAGE}]},
        {"instances": [IMAGE, FILE]},
        {"instances": [FILE, {"images": FILE}]},
        {"instances": [{"b64": "=="}]},
        {"instances": [{"b64": "YQ"}]},
        {"instances": [{"b64": "Y-_="}]},
        {"instances": [{"b64": "ü"}]},
        {"instances": [{"b64": 7}]},
        {"instances": [{"b64": None}]},
        {"instances": [{**FILE, "more": 1}]},
        {"instances": [[[[FILE], [1.0]], [[0.0], [0.0]]]]},
        {"inputs": None},
        {"inputs": []},
        {"inputs": 1},
        {"inputs": IMAGE},
        {"inputs": {}},
        {"inputs": {"pixels": [IMAGE]}},
        {"inputs": {"images": FILE}},
        {"inputs": FILE},
        {"instances": [IMAGE], "signature_name": None},
        {"instances": [IMAGE], "signature_name": 1},
    ],
    ids=lambda request_: json.dumps(request_)[:60],
)
def test_a_predict_request_with_a_fault_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(CallRejected):
        predict(**request_)


def test_an_unknown_signature_is_named() -> None:
    with pytest.raises(CallRejected, match="'other'"):
        predict(instances=[IMAGE], signature_name="other")
    with pytest.raises(CallRejected, match="'other'"):
        classify(examples=[{"images": [0] * 4}], signature_name="other")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"examples": None},
        {"examples": {}},
        {"examples": []},
        {"examples": [None]},
        {"examples": [[0] * 4]},
        {"examples": [{}]},
        {"examples": [{"pixels": [0] * 4}]},
        {"examples": [{"images": [0] * 3}]},
        {"examples": [{"images": [0] * 5}]},
        {"examples": [{"images": 0}]},
        {"examples": [{"images": None}]},
        {"examples": [{"images": ["0"] * 4}]},
        {"examples": [{"images": [0] * 4}, {"images": [0] * 3}]},
        {"examples": [{"images": [0] * 4}], "context": []},
    ],
    ids=str,
)
def test_a_classify_request_with_a_fault_is_refused(request_: dict[str, object]) -> None:
    with pytest.raises(CallRejected):
        classify(**request_)


def test_python_s_own_tokens_for_what_is_no_number_are_read() -> None:
    call = read_predict_call(b'{"instances": [[[[NaN], [Infinity]], [[-Infinity], [0]]]]}', SHAPE)
    np.testing.assert_array_equal(np.ravel(call.pictures), np.array([np.nan, np.inf, -np.inf, 0], np.float32))
