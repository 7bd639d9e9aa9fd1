"""Every error has one body, says enough, and gives nothing away."""

import json
import logging
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from service.web.verdicts import VERDICTS

pytestmark = pytest.mark.anyio

DEEP = 40


def is_problem(response: httpx.Response) -> bool:
    body = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"]
    assert body["status"] == response.status_code
    assert set(body) - {"errors"} == {"type", "title", "status", "detail", "code"}
    assert all(isinstance(body[key], str) and body[key] for key in ("type", "title", "detail", "code"))
    assert all(set(error) == {"loc", "message"} for error in body.get("errors", []))
    assert len(response.content) <= 4096
    assert not re.search(r"/(home|app|tmp|usr|root|work)/|Traceback|redis://|unix://", response.text)
    return True


def test_one_code_means_one_thing() -> None:
    verdicts = set(VERDICTS.values())
    assert len({verdict.code for verdict in verdicts}) == len(verdicts)


async def test_an_unknown_address_is_404(api: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/models/", "/predict/", "//models"):
        response = await api.get(httpx.URL(f"http://localhost{path}"))
        assert response.status_code == 404
        assert is_problem(response)
        assert response.json()["code"] == "not_found"


async def test_an_address_with_too_many_slashes_is_told_the_right_one(api: httpx.AsyncClient) -> None:
    for path, meant in (
        ("/models/", "/models"),
        ("//models", "/models"),
        ("/models/m//versions/1/", "/models/m/versions/1"),
    ):
        response = await api.get(httpx.URL(f"http://localhost{path}"))
        assert response.json()["detail"] == f"There is nothing at this address; did you mean '{meant}'?"
    for path in ("/nothing/", "/" + "x/" * 5000):
        assert "did you mean" not in (await api.get(path)).text


@pytest.mark.parametrize(
    ("path", "body", "loc", "words"),
    [
        ("/jobs", {"architecture": "cnn", "dataset": "cifar10", "epoch": 3}, ["epoch"], "did you mean 'epochs'?"),
        (
            "/jobs",
            {"architecture": "cnn", "dataset": "cifar10", "optimizer": {"name": "sgd", "learningrate": 1}},
            ["optimizer", "learningrate"],
            "did you mean 'learning_rate'?",
        ),
        ("/keys", {"nam": "ada", "scope": "read"}, ["nam"], "did you mean 'name'?"),
    ],
)
async def test_an_unknown_field_is_told_the_one_that_was_meant(
    api: httpx.AsyncClient, path: str, body: object, loc: list[str], words: str
) -> None:
    response = await api.post(path, json=body)
    errors = {tuple(error["loc"]): error["message"] for error in response.json()["errors"]}
    assert errors["body", *loc] == f"Unknown field; {words}"


async def test_a_wrong_method_is_405_and_names_the_right_ones(api: httpx.AsyncClient) -> None:
    for method, path, allowed in (
        ("DELETE", "/predict", "POST, PUT"),
        ("GET", "/models/m/versions/1/predict", "POST, PUT"),
        ("PATCH", "/jobs", "DELETE, GET, HEAD, POST"),
        ("PUT", "/jobs/k3v9x2m7qd", "DELETE, GET, HEAD"),
        ("POST", "/models/m/aliases/a", "DELETE, GET, HEAD, PUT"),
        ("OPTIONS", "/architectures/check", "GET, HEAD, POST"),
        ("POST", "/v2/models/m", "GET, HEAD"),
        ("GET", "/v2/models/m/infer", "POST"),
    ):
        response = await api.request(method, path)
        assert (response.status_code, response.headers["Allow"]) == (405, allowed), path
        if not path.startswith("/v"):
            assert is_problem(response)
            assert f"does not answer {method}; expected {allowed}" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/models/UPPER", "/jobs/A", "/compare?jobs=a;b", "/groups/A", "/jobs?group=*"])
async def test_the_form_of_a_value_is_told_in_words(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(path)
    assert response.status_code == 422
    assert "Input should" in response.text
    assert "[a-z" not in response.text


async def test_a_job_route_without_redis_is_503_with_a_time_to_retry(api: httpx.AsyncClient) -> None:
    for response in (
        await api.get("/jobs"),
        await api.get("/jobs/k3v9x2m7qd"),
        await api.post("/jobs", json={"architecture": "cnn", "dataset": "cifar10", "epochs": 1}),
    ):
        assert (response.status_code, response.json()["code"]) == (503, "queue_unavailable")
        assert is_problem(response)
        assert response.headers["Retry-After"]


async def test_what_nobody_foresaw_is_500_with_an_id_and_the_rest_goes_to_the_log(
    app: FastAPI, api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret in /home/somebody")

    with caplog.at_level(logging.ERROR):
        response = await api.get("/broken", headers={"X-Request-ID": "abc-123"})
    assert response.status_code == 500
    assert is_problem(response)
    assert response.headers["X-Request-ID"] == "abc-123"
    assert "abc-123" in response.json()["detail"]
    assert "secret" not in response.text
    assert "secret in /home/somebody" in caplog.text
    assert "abc-123" in caplog.text


async def test_half_an_answer_is_cut_off_rather_than_completed(app: FastAPI, api: httpx.AsyncClient) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("lost the rest")

    @app.get("/half")
    async def get_half() -> StreamingResponse:
        return StreamingResponse(half())

    with pytest.raises(RuntimeError, match="lost the rest"):
        await api.get("/half")


@pytest.mark.parametrize("came", ["a b", "x" * 65, "é", "<script>", ""])
async def test_a_strange_request_id_is_replaced(api: httpx.AsyncClient, came: str) -> None:
    response = await api.get("/healthz", headers={b"X-Request-ID": came.encode()})
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-ID"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe{\x00}\x00",
        b"\x80",
        b'{"epochs": NaN}',
        b'{"epochs": -Infinity}',
        b'{"epochs": 1e999}',
        b'{"epochs": ' + b"9" * 10_000 + b"}",
        b'{"epochs": 1, "epochs": 2}',
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b"[" * 15_000,
        b'{"architecture": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"architecture": "a\\u0000b", "dataset": "x"}',
        b'"' + b"x" * 15_000 + b'"',
        json.dumps({f"secret-{n}": n for n in range(500)}).encode(),
        json.dumps(dict.fromkeys(map(str, range(1500)))).encode(),
        json.dumps({"architecture": {"layers": [{"type": "secret" * 50}] * 190}, "dataset": "x"}).encode(),
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/architectures/check"])
async def test_hostile_json_is_a_small_4xx(api: httpx.AsyncClient, path: str, body: bytes) -> None:
    response = await api.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= response.status_code < 500
    assert is_problem(response)
    assert "xxxx" not in response.text


async def test_json_of_another_type_is_415_and_says_how(api: httpx.AsyncClient) -> None:
    for headers in ({"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}, {}):
        response = await api.post("/architectures/check", content=b"{}", headers=headers)
        assert response.status_code == 415
        assert is_problem(response)
        assert "application/json" in response.json()["detail"]


async def test_a_large_json_body_is_413(api: httpx.AsyncClient) -> None:
    response = await api.post("/architectures/check", json={"layers": "x" * 30_000})
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert is_problem(response)


async def test_a_body_nobody_asked_for_does_not_hide_the_real_answer(api: httpx.AsyncClient) -> None:
    assert (await api.post("/nothing", content=b"x" * 30_000)).status_code == 404
    assert (await api.patch("/predict", content=b"x")).status_code == 405
    assert (await api.request("DELETE", "/models/nobody", content=b"x")).status_code == 404


async def test_a_fault_in_a_grid_has_the_place_that_its_sender_sees(api: httpx.AsyncClient) -> None:
    base = {"architecture": "cnn", "dataset": "fashion_mnist_sample", "epochs": 1}
    for values, place in (([], []), (5, []), ({"low": 1}, ["high"])):
        answer = await api.post("/jobs", json={**base, "random": 2, "grid": {"seed": values}})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["loc"] == ["body", "grid", "seed", *place]
