"""Models, versions, files and aliases over HTTP."""

import hashlib
import json

import httpx
import pytest

from model_store import Manifest, ModelStore
from service.models import model_lists
from tests.unit.service.tiny_networks import CLASSES, brightness_network, grey_picture, publish
from worker.reports.mistakes import Mistake, Mistakes

pytestmark = pytest.mark.anyio


async def test_no_models_is_an_empty_list(api: httpx.AsyncClient) -> None:
    assert (await api.get("/models")).json() == {"models": [], "total": 0, "next": None}


async def test_a_model_shows_versions_aliases_and_latest(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    publish(store)
    store.set_alias("brightness", "production", 1)
    model = (await api.get("/models/brightness")).json()
    assert model["name"] == "brightness"
    assert [line["version"] for line in model["versions"]] == [1, 2]
    assert (model["latest"], model["aliases"]) == (2, {"production": 1})
    assert model["versions"][0]["aliases"] == ["production"]
    assert model["versions"][0]["metrics"]["test_accuracy"] == 0.9
    assert (await api.get("/models")).json() == {"models": [model], "total": 1, "next": None}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["cats", "dogs", "eels"]),
        ("owner=ada", ["cats", "eels"]),
        ("owner=ada&tag=week-2", ["eels"]),
        ("owner=ben&tag=week-2", []),
        ("dataset=pets", ["dogs"]),
        ("architecture=custom", ["dogs"]),
        ("architecture=lenet5", ["cats", "eels"]),
        ("sort=-name", ["eels", "dogs", "cats"]),
        ("sort=owner", ["cats", "eels", "dogs"]),
        ("sort=created", ["dogs", "eels", "cats"]),
        ("sort=-metric", ["dogs", "cats", "eels"]),
    ],
)
async def test_models_are_filtered_and_sorted(
    api: httpx.AsyncClient, store: ModelStore, query: str, names: list[str]
) -> None:
    preset = {"architecture": "lenet5"}
    publish(store, "cats", owner="ada", recipe=preset)
    publish(store, "dogs", owner="ben", dataset="pets", recipe={"architecture": {"layers": []}})
    worse = {"test_accuracy": 0.2, "test_loss": 2.0}
    publish(store, "eels", owner="ada", recipe=preset, tags=("week-2",), metrics=worse)
    publish(store, "cats", owner="ada", recipe=preset, metrics={"test_accuracy": 0.3, "test_loss": 2.0})
    if "metric" in query:
        publish(store, "dogs", owner="ben", metrics={"test_accuracy": 0.95, "test_loss": 0.1})
    answer = await api.get(f"/models?{query}")
    assert [model["name"] for model in answer.json()["models"]] == names


async def pages(api: httpx.AsyncClient, path: str | None) -> list[list[str]]:
    """Names of the models of each page, from this one on."""
    found = []
    while path is not None:
        answer = await api.get(path)
        found.append([model["name"] for model in answer.json()["models"]])
        path = answer.json()["next"]
        assert answer.headers.get("Link") == (None if path is None else f'<{path}>; rel="next"')
    return found


async def test_models_come_in_pages(api: httpx.AsyncClient, store: ModelStore) -> None:
    for name, owner in {"cats": "ada", "dogs": "ben", "eels": "ada", "frogs": "ada", "gnus": "ada"}.items():
        publish(store, name, owner=owner)
    assert await pages(api, "/models") == [["cats", "dogs", "eels", "frogs", "gnus"]]
    assert await pages(api, "/models?limit=2") == [["cats", "dogs"], ["eels", "frogs"], ["gnus"]]
    assert await pages(api, "/models?limit=5") == [["cats", "dogs", "eels", "frogs", "gnus"]]
    assert await pages(api, "/models?limit=3&owner=ada&sort=-name") == [["gnus", "frogs", "eels"], ["cats"]]
    assert await pages(api, "/models?limit=2&sort=-created") == [["gnus", "frogs"], ["eels", "dogs"], ["cats"]]
    assert (await api.get("/models?limit=1&owner=ada")).json()["total"] == 4
    assert (await api.get("/models?limit=0")).status_code == 422


async def test_a_page_after_a_model_that_is_gone_goes_on_by_name(api: httpx.AsyncClient, store: ModelStore) -> None:
    for name in ("cats", "eels", "frogs"):
        publish(store, name)
    assert await pages(api, "/models?after=dogs") == [["eels", "frogs"]]
    assert await pages(api, "/models?after=dogs&sort=-name") == [["cats"]]
    assert await pages(api, "/models?after=zebras") == [[]]
    answer = await api.get("/models?after=dogs&sort=metric")
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


async def test_a_page_ends_before_it_has_too_many_versions(
    api: httpx.AsyncClient, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_lists, "MOST_VERSIONS", 3)
    for name in ("cats", "cats", "dogs", "eels", "frogs", "frogs", "frogs", "frogs", "gnus"):
        publish(store, name)
    assert await pages(api, "/models") == [["cats", "dogs"], ["eels"], ["frogs"], ["gnus"]]


async def test_a_version_shows_its_whole_lineage(api: httpx.AsyncClient, brightness: Manifest) -> None:
    version = (await api.get("/models/brightness/versions/1")).json()
    known = json.loads(brightness.model_dump_json())
    assert {key: version[key] for key in known} == known
    assert version["aliases"] == []
    assert version["size_bytes"] == sum(file.size_bytes for file in brightness.files.values())


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/models/nobody", "model_not_found"),
        ("/models/nobody/versions/1", "model_not_found"),
        ("/models/brightness/versions/2", "version_not_found"),
        ("/models/brightness/versions/1/files/secret.txt", "file_not_found"),
        ("/models/brightness/aliases/production", "alias_not_found"),
    ],
)
@pytest.mark.usefixtures("brightness")
async def test_what_is_not_there_is_404(api: httpx.AsyncClient, path: str, code: str) -> None:
    response = await api.get(path)
    assert (response.status_code, response.json()["code"]) == (404, code)


@pytest.mark.parametrize(
    "path",
    [
        "/models/..%2f..%2fetc",
        "/models/%2e%2e",
        "/models/UPPER",
        "/models/a%00b",
        "/models/a%0a",
        "/models/brightness/versions/0",
        "/models/brightness/versions/-1",
        "/models/brightness/versions/1e3",
        "/models/brightness/versions/99999999999999999999999999",
        "/models/brightness/versions/1/files/..%2fmanifest.json",
        "/models/brightness/versions/1/files/%2e%2e%2f%2e%2e",
        "/models/brightness/versions/1/files/.hidden",
    ],
)
@pytest.mark.usefixtures("brightness")
async def test_a_name_that_is_none_gets_a_4xx(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(httpx.URL(f"http://localhost{path}"))
    assert response.status_code in {404, 422}
    assert response.json()["code"] in {"not_found", "validation_failed", "model_not_found"}


@pytest.mark.parametrize(
    ("file", "content_type", "shown_as"),
    [
        ("model.keras", "application/octet-stream", "attachment"),
        ("model.onnx", "application/octet-stream", "attachment"),
        ("history.json", "application/json", "inline"),
        ("curves.png", "image/png", "inline"),
    ],
)
async def test_a_file_is_downloaded_as_what_it_is(
    api: httpx.AsyncClient, brightness: Manifest, file: str, content_type: str, shown_as: str
) -> None:
    response = await api.get(f"/models/brightness/versions/1/files/{file}")
    assert response.status_code == 200
    assert hashlib.sha256(response.content).hexdigest() == brightness.files[file].sha256
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Length"] == str(brightness.files[file].size_bytes)
    assert response.headers["Content-Disposition"] == f'{shown_as}; filename="brightness-v1-{file}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["ETag"] == f'"{brightness.files[file].sha256}"'


async def test_a_client_that_has_the_file_is_told_so(api: httpx.AsyncClient, brightness: Manifest) -> None:
    for file in ("model.keras", "manifest.json"):
        path = f"/models/brightness/versions/1/files/{file}"
        etag = (await api.get(path)).headers["ETag"]
        known = await api.get(path, headers={"If-None-Match": f'"other", {etag}'})
        assert (known.status_code, known.content) == (304, b"")
        assert (await api.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    assert brightness.version == 1


async def test_the_manifest_is_a_file_too(api: httpx.AsyncClient, brightness: Manifest) -> None:
    response = await api.get("/models/brightness/versions/1/files/manifest.json")
    assert Manifest.model_validate_json(response.content) == brightness


@pytest.mark.usefixtures("brightness")
async def test_the_summary_is_plain_text(api: httpx.AsyncClient) -> None:
    response = await api.get("/models/brightness/versions/1/summary")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.text == "Layer (type)  Output Shape\n"


MISTAKES = Mistakes(
    pictures=100,
    total=9,
    mistakes=tuple(
        Mistake(index=index, true=CLASSES[true], predicted=CLASSES[predicted], probability=0.9, true_probability=0.1)
        for index, (true, predicted) in enumerate([(1, 2), (1, 3), (2, 1), (1, 2)])
    ),
)


@pytest.mark.parametrize(
    ("query", "matching", "indices"),
    [
        ({}, 4, [0, 1, 2, 3]),
        ({"true": CLASSES[1]}, 3, [0, 1, 3]),
        ({"predicted": CLASSES[2]}, 2, [0, 3]),
        ({"true": CLASSES[1], "predicted": CLASSES[2], "limit": 1}, 2, [0]),
        ({"true": CLASSES[5]}, 0, []),
    ],
)
async def test_mistakes_are_listed_by_their_classes(
    api: httpx.AsyncClient, store: ModelStore, query: dict[str, str], matching: int, indices: list[int]
) -> None:
    publish(store, files={"model.onnx": brightness_network(), "mistakes.json": MISTAKES.model_dump_json().encode()})
    answer = (await api.get("/models/brightness/versions/1/mistakes", params=query)).json()
    assert (answer["pictures"], answer["total"], answer["kept"], answer["matching"]) == (100, 9, 4, matching)
    assert [mistake["index"] for mistake in answer["mistakes"]] == indices


@pytest.mark.parametrize(("query", "field"), [({"true": "shoe"}, "true"), ({"limit": 0}, "limit")])
@pytest.mark.usefixtures("brightness")
async def test_a_filter_that_cannot_match_names_its_field(
    api: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    answer = await api.get("/models/brightness/versions/1/mistakes", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query", field]


@pytest.mark.usefixtures("brightness")
async def test_a_version_without_mistakes_on_record_is_404(api: httpx.AsyncClient) -> None:
    answer = await api.get("/models/brightness/versions/1/mistakes")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")


async def test_deleting_a_version_frees_its_bytes_and_its_number_stays_taken(
    api: httpx.AsyncClient, store: ModelStore, brightness: Manifest
) -> None:
    await api.post("/models/brightness/versions/1/predict", files={"file": ("x", grey_picture(1))})
    response = await api.delete("/models/brightness/versions/1")
    assert response.status_code == 200
    assert response.json()["freed_bytes"] >= brightness.files["model.onnx"].size_bytes
    assert (await api.get("/models/brightness")).status_code == 404
    gone = await api.post("/models/brightness/versions/1/predict", files={"file": ("x", grey_picture(1))})
    assert gone.status_code == 404
    assert (await api.delete("/models/brightness/versions/1")).status_code == 404
    assert publish(store).version == 2


@pytest.mark.usefixtures("brightness")
async def test_a_version_in_use_is_not_deleted(api: httpx.AsyncClient) -> None:
    await api.put("/models/brightness/aliases/production", json={"version": 1})
    response = await api.delete("/models/brightness/versions/1")
    assert (response.status_code, response.json()["code"]) == (409, "version_in_use")
    assert "production" in response.json()["detail"]


@pytest.mark.usefixtures("brightness")
async def test_deleting_a_model_takes_versions_along_once_no_alias_needs_it(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store)
    await api.put("/models/brightness/aliases/production", json={"version": 1})
    refused = await api.delete("/models/brightness")
    assert (refused.status_code, refused.json()["code"]) == (409, "model_in_use")
    assert "alias production" in refused.json()["detail"]
    assert (await api.delete("/models/brightness/aliases/production")).status_code == 204
    response = await api.delete("/models/brightness")
    assert response.json()["freed_bytes"] >= 2 * len(brightness_network())
    assert (await api.get("/models")).json() == {"models": [], "total": 0, "next": None}
    assert (await api.delete("/models/brightness")).status_code == 404


@pytest.mark.usefixtures("brightness")
async def test_an_alias_is_set_moved_rolled_back_and_removed(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    path = "/models/brightness/aliases/production"
    for version in (1, 2, 1):
        answer = (await api.put(path, json={"version": version})).json()
        assert (answer["alias"], answer["version"]) == ("production", version)
        assert (await api.get(path)).json() == answer
    assert [change["version"] for change in answer["history"]] == [1, 2, 1]
    assert (await api.get("/models/brightness/aliases")).json() == {"aliases": {"production": 1}}
    removed = await api.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await api.get(path)).status_code == 404
    assert (await api.delete(path)).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": 9}, 404),
        ({"version": 0}, 422),
        ({"version": "1"}, 422),
        ({"version": True}, 422),
        ({"version": 1.0}, 422),
        ({"version": 10**30}, 422),
        ({"version": 1, "extra": 1}, 422),
        ({}, 422),
        ([], 422),
        (None, 422),
    ],
)
@pytest.mark.usefixtures("brightness")
async def test_an_alias_points_at_an_existing_version_or_nowhere(
    api: httpx.AsyncClient, body: object, status: int
) -> None:
    response = await api.put("/models/brightness/aliases/production", json=body)
    assert response.status_code == status
    assert (await api.get("/models/brightness/aliases")).json() == {"aliases": {}}


@pytest.mark.usefixtures("brightness")
async def test_the_history_of_an_alias_outlives_it_and_can_be_asked_for_a_time(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store)
    path = "/models/brightness/aliases/production"
    await api.put(path, json={"version": 1})
    first = (await api.put(path, json={"version": 2})).json()["history"][0]["at"]
    await api.delete(path)
    assert (await api.get(path)).status_code == 404
    history = (await api.get(f"{path}/history")).json()
    assert (history["version"], [change["version"] for change in history["history"]]) == (None, [1, 2, None])
    times = [change["at"] for change in history["history"]]
    for at, version in ((first, 1), (times[1], 2)):
        assert (await api.get(path, params={"at": at})).json()["version"] == version
    for at in ("2020-01-01T00:00:00Z", times[2]):
        assert (await api.get(path, params={"at": at})).status_code == 404
    assert (await api.get(path, params={"at": "yesterday"})).status_code == 422
    before = (await api.get(path, params={"at": "2001-01-01T00:00:00Z"})).json()["detail"]
    assert "at 2001-01-01T00:00:00+00:00 had no alias" in before
    latest = path.rpartition("/")[0] + "/latest"
    for answer in (await api.get(latest, params={"at": times[0]}), await api.get(f"{latest}/history")):
        assert (answer.status_code, answer.json()["code"]) == (404, "alias_not_found")
        assert "is computed and has no history" in answer.json()["detail"]
    assert (await api.get("/models/brightness/aliases/never/history")).status_code == 404
