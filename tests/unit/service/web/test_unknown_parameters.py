"""A query parameter that an address does not know is refused, and the one that was meant is named."""

import httpx
import pytest

from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "unknown", "words"),
    [
        ("GET", "/jobs?stat=running", "stat", "did you mean 'state'?"),
        ("GET", "/jobs?State=running&limit=3", "State", "did you mean 'state'?"),
        (
            "GET",
            "/jobs?page=2",
            "page",
            "expected after, architecture, dataset, group, limit, model, offset, owner, state, tag, view",
        ),
        ("GET", "/models?page=2", "page", "expected after, architecture, dataset, limit, owner, sort, tag"),
        ("GET", "/models/m?x", "x", "this address has none"),
        ("POST", "/predict?topk=3", "topk", "did you mean 'top_k'?"),
        ("PUT", "/predict?top-k=3", "top-k", "did you mean 'top_k'?"),
        ("POST", "/models/m/predict?model=other", "model", "expected coverage, not_sure_below, top_k"),
        ("GET", "/architectures/cnn?activations=relu", "activations", "did you mean 'activation'?"),
        ("GET", "/architectures?datset=cifar10", "datset", "did you mean 'dataset'?"),
        ("GET", "/compare?job=a,b", "job", "did you mean 'jobs'?"),
        ("POST", "/datasets?name=pets&imagesize=32", "imagesize", "did you mean 'image_size'?"),
        ("HEAD", "/jobs?stat=running", "stat", ""),
        ("DELETE", "/models/m?force=1", "force", "this address has none"),
    ],
)
async def test_an_unknown_parameter_is_refused_by_its_name(
    api: httpx.AsyncClient, method: str, path: str, unknown: str, words: str
) -> None:
    body = grey_picture(1) if method in {"POST", "PUT"} else None
    response = await api.request(method, path, content=body)
    assert response.status_code == 422
    if method != "HEAD":
        problem = response.json()
        assert problem["code"] == "validation_failed"
        (error,) = problem["errors"]
        assert error["loc"] == ["query", unknown]
        assert words in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "place", "words"),
    [
        ("/predict?not_sure_below=x", {"b64": "eA=="}, "query.not_sure_below", "valid number"),
        ("/predict?not_sure_below=2", {"b64": "eA=="}, "query.not_sure_below", "less than or equal to 1"),
        ("/convolve", {"images": [{"b64": "eA=="}], "kernel": "blurr"}, "body.kernel", "'blur'"),
        ("/predict", {"images": [{"b64": "eA==", "url": "x"}]}, "body.images.0.b64", "expected one of them, got both"),
        ("/predict", {"images": [{"b64": "eA=="}], "top_k": 3}, "body.top_k", "go into the query"),
        ("/predict", {"b64": "eA==", "topk": 3}, "body.topk", "go into the query"),
        ("/predict", {"images": [{"b64": "eA=="}], "url": "x"}, "body.url", "inside a picture"),
        ("/predict", {"image": "eA=="}, "body.images", "Field required"),
        ("/models/brightness/versions/1/predictions", {"dataset": "x", "images": []}, "body.images", "Unknown field"),
    ],
)
@pytest.mark.usefixtures("brightness")
async def test_a_refusal_names_the_part_as_the_client_wrote_it(
    api: httpx.AsyncClient, path: str, body: dict[str, object], place: str, words: str
) -> None:
    response = await api.post(path, json=body)
    assert response.status_code == 422
    error = response.json()["errors"][0]
    assert ".".join(map(str, error["loc"])) == place
    assert words in error["message"]
    assert "Extra inputs" not in response.text


async def test_many_unknown_parameters_are_a_small_answer(api: httpx.AsyncClient) -> None:
    query = "&".join(f"{'x' * 100}{n}=1" for n in range(400))
    response = await api.get(f"/jobs?{query}")
    assert response.status_code == 422
    assert len(response.json()["errors"]) == 10
    assert len(response.content) <= 4096


@pytest.mark.usefixtures("brightness")
@pytest.mark.parametrize(
    "path",
    [
        "/?utm=1",
        "/docs?x=1",
        "/openapi.json?x=1",
        "/v2/health/live?x=1",
        "/v2/models/brightness?x=1",
        "/v1/models/brightness?x=1",
    ],
)
async def test_the_page_and_the_public_protocols_take_any_parameter(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path)).status_code == 200


@pytest.mark.usefixtures("brightness")
async def test_known_parameters_are_taken(api: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "image/png"}
    path = "/predict?top_k=2&model=brightness&top_k=3"
    assert (await api.post(path, content=grey_picture(1), headers=headers)).status_code == 200
    network = "activation=relu&depth=1&width=1&input_size=native&dropout=0.1&classes=3"
    assert (await api.get(f"/architectures/alexnet?{network}")).status_code == 200
