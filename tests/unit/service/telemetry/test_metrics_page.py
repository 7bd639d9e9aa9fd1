"""The page Prometheus reads: counts what happened, stays small whatever is asked, and needs no Redis."""

import re
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from model_store import Manifest, ModelStore
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import grey_picture, publish

pytestmark = pytest.mark.anyio

PICTURE = {"file": ("x.png", grey_picture(4))}
Sample = tuple[str, frozenset[tuple[str, str]]]


class Page:
    """One reading of the page."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples: Mapping[Sample, float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]

    def labels(self, name: str, label: str) -> set[str]:
        return {dict(labels)[label] for found, labels in self.samples if found == name}


async def read(api: httpx.AsyncClient) -> Page:
    response = await api.get("/metrics")
    assert response.status_code == 200
    return Page(response.text)


async def test_the_page_is_prometheus_text_and_open(api: httpx.AsyncClient) -> None:
    response = await api.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = Page(response.text).families
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)


async def test_every_metric_has_our_prefix_and_times_and_sizes_have_units(
    api: httpx.AsyncClient, brightness: Manifest
) -> None:
    await api.post("/predict", files=PICTURE)
    for family in (await read(api)).families:
        assert family.name.startswith("convserve_")
        if family.type == "histogram" and "batch" not in family.name:
            assert family.name.endswith("_seconds")
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)


async def test_requests_are_counted_by_template_method_and_status(api: httpx.AsyncClient, brightness: Manifest) -> None:
    for _ in range(3):
        await api.get("/models/brightness")
    await api.get("/models/nobody")
    await api.post("/predict", files=PICTURE)
    page = await read(api)
    name = "convserve_http_requests_total"
    assert page.value(name, route="/models/{name}", method="GET", status="200") == 3
    assert page.value(name, route="/models/{name}", method="GET", status="404") == 1
    assert page.value(name, route="/predict", method="POST", status="200") == 1
    seconds = "convserve_http_request_duration_seconds"
    assert page.value(f"{seconds}_count", route="/models/{name}", method="GET") == 4
    assert 0 < page.value(f"{seconds}_sum", route="/predict", method="POST") < 10


async def test_an_error_nobody_foresaw_is_counted_as_500(app: FastAPI) -> None:
    async def broken() -> None:
        raise RuntimeError("a bug")

    app.add_api_route("/broken", broken)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        assert (await api.get("/broken")).status_code == 500
        page = await read(api)
    assert page.value("convserve_http_requests_total", route="/broken", method="GET", status="500") == 1


async def test_the_stages_of_a_prediction_are_timed_per_model(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "beta")
    for _ in range(2):
        await api.post("/models/alpha/predict", files=PICTURE)
    await api.post("/models/beta/predict", files=[("file", PICTURE["file"])] * 5)
    page = await read(api)
    for stage in ("decode", "queue", "compute"):
        assert page.value(f"convserve_prediction_{stage}_seconds_count", model="alpha") == 2
        assert page.value(f"convserve_prediction_{stage}_seconds_count", model="beta") == 1
        assert 0 < page.value(f"convserve_prediction_{stage}_seconds_sum", model="alpha") < 10
    assert page.value("convserve_batch_pictures_sum", model="beta") == 5
    assert page.value("convserve_batch_pictures_bucket", model="beta", le="4.0") == 0
    assert page.value("convserve_batch_pictures_bucket", model="beta", le="8.0") == 1
    assert page.value("convserve_pictures_answered_total", model="alpha") == 2
    assert page.value("convserve_pictures_answered_total", model="beta") == 5


async def test_pictures_are_measured_whatever_protocol_they_come_by(
    api: httpx.AsyncClient, brightness: Manifest
) -> None:
    tensor = {"name": "images", "datatype": "FP32", "shape": [2, 4, 4, 3], "data": [0.5] * 96}
    response = await api.post("/v2/models/brightness/infer", json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    assert set(stage_milliseconds(response)) >= {"queue", "compute"}
    page = await read(api)
    assert page.value("convserve_pictures_answered_total", model="brightness") == 2
    assert page.value("convserve_prediction_compute_seconds_count", model="brightness") == 1


async def test_pictures_that_cannot_be_read_are_counted_by_code(api: httpx.AsyncClient, brightness: Manifest) -> None:
    broken = ("b.png", grey_picture(4, "JPEG")[:-200])
    await api.post("/predict", files={"file": broken})
    await api.post("/predict", files=[("file", PICTURE["file"]), ("file", broken), ("file", ("c.txt", b"words"))])
    page = await read(api)
    assert page.value("convserve_pictures_rejected_total", code="picture_invalid") == 2
    assert page.value("convserve_pictures_rejected_total", code="picture_format_unsupported") == 1
    assert page.value("convserve_pictures_answered_total", model="brightness") == 1


async def test_models_in_memory_are_named_with_their_size(api: httpx.AsyncClient, store: ModelStore) -> None:
    for name in ("alpha", "beta", "gamma"):  # one more than is kept
        size_bytes = publish(store, name).files["model.onnx"].size_bytes
        await api.post(f"/models/{name}/predict", files=PICTURE)
    page = await read(api)
    assert page.value("convserve_loaded_models") == 2
    assert page.labels("convserve_loaded_model_bytes", "model") == {"beta", "gamma"}
    assert page.value("convserve_loaded_model_bytes", model="gamma", version="1") == size_bytes
    assert page.value("convserve_model_load_seconds_count") == 3


async def test_hostile_addresses_add_no_series(api: httpx.AsyncClient, brightness: Manifest) -> None:
    await api.get("/nothing")
    await api.request("BREW", "/nothing")
    await api.post("/models/nobody/predict", files=PICTURE)
    before = await read(api)
    for number in range(50):
        await api.get(f"/nothing/{number}")
        await api.get(f"/{'x' * 3000}{number}")
        await api.get(f"/%22%7D%0Aconvserve_jobs%20{number}")
        await api.request(f"BREW{number}", "/nothing")
        await api.post(f"/models/nobody-{number}/predict", files=PICTURE)
        await api.get("/healthz", headers={"X-Request-ID": f"id-{number}"})
    after = await read(api)
    new = {name for name, _ in after.samples.keys() - before.samples.keys()}
    assert new == {
        *("convserve_http_requests_total",),
        *(f"convserve_http_request_duration_seconds_{part}" for part in ("bucket", "count", "sum")),
    }
    added = after.labels("convserve_http_requests_total", "route") - before.labels(
        "convserve_http_requests_total", "route"
    )
    assert added <= {"/healthz", "/metrics"}
    assert after.value("convserve_http_requests_total", route="other", method="GET", status="404") == 151
    assert after.value("convserve_http_requests_total", route="other", method="other", status="404") == 51
    assert after.labels("convserve_prediction_decode_seconds_count", "model") == set()


async def test_a_deleted_model_leaves_the_page_and_may_come_back(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "beta")
    for name in ("alpha", "beta"):
        await api.post(f"/models/{name}/predict", files=PICTURE)
    assert (await api.delete("/models/alpha")).is_success
    page = await read(api)
    assert page.labels("convserve_pictures_answered_total", "model") == {"beta"}
    assert page.labels("convserve_loaded_model_bytes", "model") == {"beta"}
    publish(store, "alpha")
    await api.post("/models/alpha/predict", files=PICTURE)
    assert (await read(api)).value("convserve_pictures_answered_total", model="alpha") == 1


async def test_two_applications_in_one_process_count_apart(
    api: httpx.AsyncClient, settings: ApiSettings, store: ModelStore
) -> None:
    other = app_of(settings, store)
    await api.get("/healthz")
    async with (
        other.router.lifespan_context(other),
        httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url="http://localhost") as client,
    ):
        assert "/healthz" not in (await read(client)).labels("convserve_http_requests_total", "route")
    assert "/healthz" in (await read(api)).labels("convserve_http_requests_total", "route")


async def test_a_prediction_says_how_long_its_stages_took(api: httpx.AsyncClient, brightness: Manifest) -> None:
    response = await api.post("/predict", files=[("file", PICTURE["file"])] * 3)
    exchanges_s = "convserve_http_request_duration_seconds_sum"
    whole_ms = (await read(api)).value(exchanges_s, route="/predict", method="POST") * 1000
    stages = stage_milliseconds(response)
    assert list(stages) == ["decode", "queue", "compute"]
    assert 0 < sum(stages.values()) < whole_ms


@pytest.mark.parametrize("path", ["/healthz", "/models", "/metrics", "/predict"])
async def test_answers_that_predict_nothing_have_no_stages(path: str, api: httpx.AsyncClient) -> None:
    assert "server-timing" not in (await api.get(path)).headers


def stage_milliseconds(response: httpx.Response) -> dict[str, float]:
    entries = re.findall(r"(\w+);dur=(\d+\.\d+)", response.headers["server-timing"])
    assert ", ".join(f"{stage};dur={value}" for stage, value in entries) == response.headers["server-timing"]
    return {stage: float(value) for stage, value in entries}
