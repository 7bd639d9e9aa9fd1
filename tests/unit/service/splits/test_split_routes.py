"""An alias with a canary and a shadow, over HTTP."""

import base64
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore, Split, WeightedVersion
from service.models.index import Reference
from service.settings import ApiSettings
from service.splits.choosing import place_of
from service.state import ServiceState
from tests.event_loop import turns, until
from tests.unit.service.tiny_networks import CLASSES, brightness_network, grey_picture, publish

pytestmark = pytest.mark.anyio

ALIAS = "/models/brightness/aliases/live"
PICTURE = grey_picture(3)
PNG = {"Content-Type": "image/png"}
DARK, BRIGHT = brightness_network(), brightness_network(sharpness=-400.0)
"""The second one says another class of every picture."""


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"loaded_models": 3})


@pytest.fixture
def versions(store: ModelStore) -> None:
    """Versions 1 and 2 agree; 3 does not."""
    for network in (DARK, DARK, BRIGHT):
        publish(store, files={"model.onnx": network})


async def split(api: httpx.AsyncClient, **parts: object) -> httpx.Response:
    return await api.put(ALIAS, json={"version": 1} | parts)


async def version_for(api: httpx.AsyncClient, key: str | None) -> int:
    headers = PNG if key is None else PNG | {"X-Request-Key": key}
    return int((await api.post(f"{ALIAS}/predict", content=PICTURE, headers=headers)).json()["version"])


def key_for(alias_version: str, weight: float = 0.5) -> str:
    """A key that the canary answers, or one that it does not."""
    keys = (f"user {n}" for n in range(100))
    is_canary = alias_version == "canary"
    return next(key for key in keys if (place_of("brightness", "live", key.encode()) < weight) == is_canary)


def counts_of(app: FastAPI) -> Counter[str]:
    """What was counted of the only alias with several versions."""
    state: ServiceState = app.state.service
    (trial,) = state.splits.trials()
    return trial.counts


@pytest.mark.usefixtures("versions")
async def test_a_canary_answers_its_share_of_1000_requests_and_each_key_keeps_its_version(
    api: httpx.AsyncClient,
) -> None:
    await split(api, canary={"version": 2, "weight": 0.2})
    first = {f"user {n}": await version_for(api, f"user {n}") for n in range(1000)}
    n_canary = Counter(first.values())[2]
    assert 150 <= n_canary <= 250  # four standard deviations around 200
    figures = (await api.get(ALIAS)).json()["figures"]
    assert (figures["stable"]["requests"], figures["canary"]["requests"]) == (1000 - n_canary, n_canary)

    await split(api, canary={"version": 2, "weight": 0.5})
    users = [f"user {n}" for n in range(100)]
    again = {user: await version_for(api, user) for user in users}
    assert {user for user in users if first[user] == 2} < {user for user in users if again[user] == 2}


@pytest.mark.usefixtures("versions")
async def test_requests_without_a_key_are_spread_by_chance(
    api: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    await split(api, canary={"version": 2, "weight": 0.25})
    draws = iter([0.1, 0.3, 0.2499, 0.25, 0.9])
    monkeypatch.setattr(app.state.service.splits, "_draw", lambda: next(draws))
    assert [await version_for(api, None) for _ in range(5)] == [2, 1, 2, 1, 1]


@pytest.mark.usefixtures("versions")
async def test_the_figures_say_how_often_and_how_fast_each_version_answered(api: httpx.AsyncClient) -> None:
    await split(api, canary={"version": 2, "weight": 0.5})
    await version_for(api, key_for("canary"))
    broken = await api.post(f"{ALIAS}/predict", content=b"no picture", headers=PNG)
    assert broken.status_code == 415
    figures = (await api.get(ALIAS)).json()["figures"]
    assert figures["canary"] | {"latency_p50_ms": 0} == {
        "version": 2,
        "requests": figures["canary"]["requests"],
        "pictures": 1,
        "errors": 0,
        "latency_p50_ms": 0,
        "feedback": None,
    }
    assert 0 < figures["canary"]["latency_p50_ms"] < 5000
    assert figures["scope"] == "this process"  # there is no Redis here
    assert figures["shadow"] is None
    page = (await api.get("/metrics")).text
    labels = '{alias="live",model="brightness",role="canary",version="2"}'
    assert f"convserve_split_pictures_total{labels} 1.0" in page

    await api.put(ALIAS, json={"version": 2})
    assert "convserve_split" not in (await api.get("/metrics")).text


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(("version", "agreement"), [(2, 1.0), (3, 0.0)])
async def test_a_shadow_is_asked_after_the_answer_and_compared(
    api: httpx.AsyncClient, app: FastAPI, version: int, agreement: float
) -> None:
    await split(api, shadow={"version": version})
    form = [("file", (f"{n}.png", grey_picture(n))) for n in range(3)]
    for _ in range(4):
        answer = await api.post(f"{ALIAS}/predict", files=form)
        assert answer.json()["version"] == 1
    await until(lambda: counts_of(app)["shadow.agreed"] >= 12 * agreement and counts_of(app)["shadow.requests"] == 4)
    await turns()
    shadow = (await api.get(ALIAS)).json()["figures"]["shadow"]
    assert (shadow["version"], shadow["pictures"], shadow["agreement"]) == (version, 12, agreement)
    assert (shadow["errors"], shadow["dropped"]) == (0, 0)


@pytest.mark.usefixtures("versions")
async def test_a_shadow_that_is_damaged_changes_no_answer(
    api: httpx.AsyncClient, app: FastAPI, store: ModelStore
) -> None:
    publish(store, files={"model.onnx": b"no network"})
    await split(api, shadow={"version": 4})
    assert await version_for(api, None) == 1
    state: ServiceState = app.state.service
    await until(lambda: (entry := state.catalog.entry("brightness")) is not None and bool(entry.damaged))
    assert (await api.get("/models/brightness")).json()["damaged"] == [4]
    assert "figures" not in (await api.get(ALIAS)).json()


@pytest.mark.usefixtures("versions")
async def test_a_canary_that_cannot_be_loaded_leaves_its_requests_to_the_version_of_the_alias(
    api: httpx.AsyncClient, app: FastAPI, store: ModelStore
) -> None:
    publish(store, files={"model.onnx": b"no network"})
    store.set_alias("brightness", "live", 1, Split(canary=WeightedVersion(version=4, weight=1.0)))
    assert await version_for(api, None) == 1
    state: ServiceState = app.state.service
    (trial,) = state.splits._trials.values()  # the damaged version takes part no more
    assert trial.counts["canary.errors"] == trial.counts["stable.pictures"] == 1
    assert (await state.catalog.index()).model("brightness").damaged
    refused = await split(api, canary={"version": 4, "weight": 1.0})
    assert (refused.status_code, refused.json()["code"]) == (503, "artifact_corrupt")


@pytest.mark.usefixtures("versions")
async def test_every_protocol_splits_an_alias(api: httpx.AsyncClient, app: FastAPI) -> None:
    await split(api, canary={"version": 3, "weight": 0.5})
    pixels = [[[[0.0] * 3] * 4] * 4]
    tensor = {"name": "images", "shape": [1, 4, 4, 3], "datatype": "FP32", "data": pixels}
    calls: dict[str, dict[str, Any]] = {
        f"{ALIAS}/predict": {"json": {"images": [{"b64": _b64(PICTURE)}]}},
        "/v2/models/brightness/versions/live/infer": {"json": {"inputs": [tensor]}},
        "/v1/models/brightness/labels/live:predict": {"json": {"instances": pixels}},
        "/models/brightness@live": {"content": PICTURE},
        "/invocations": {"content": PICTURE, "headers": {"X-Amzn-SageMaker-Target-Model": "brightness@live"}},
    }
    for path, call in calls.items():
        answers = {}
        for role in ("canary", "stable"):
            headers = call.get("headers", {}) | {"X-Request-Key": key_for(role)}
            answer = await api.post(path, **(call | {"headers": headers}))
            assert answer.status_code == 200, (path, answer.text)
            answers[role] = answer.json()
            assert _answered_by(answer) == (3 if role == "canary" else 1), path
        assert answers["canary"] != answers["stable"], path
    figures = (await api.get(ALIAS)).json()["figures"]
    assert figures["canary"]["requests"] == figures["stable"]["requests"] == len(calls)
    assert figures["canary"]["pictures"] == len(calls)


@pytest.mark.usefixtures("versions")
async def test_only_predictions_are_split(api: httpx.AsyncClient) -> None:
    await split(api, canary={"version": 3, "weight": 1.0})
    assert (await api.get(f"{ALIAS}/README.md")).text.count("version: 3") == 0
    assert (await api.get("/v2/models/brightness/versions/live/ready")).status_code == 200
    assert (await api.get(ALIAS)).json()["figures"]["canary"]["requests"] == 0


@pytest.mark.usefixtures("versions")
async def test_the_fast_lane_leaves_a_split_alias_to_the_routes(
    api: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: ServiceState = app.state.service
    monkeypatch.setattr(state.catalog, "_refresh_s", 60)  # with 0, nothing is ever cached
    reference = Reference("brightness", alias="live")
    await split(api)
    await version_for(api, None)
    assert state.predictor.cached(reference) is not None
    await split(api, canary={"version": 2, "weight": 0.5})
    await version_for(api, None)
    assert state.predictor.cached(reference) is None
    await split(api)
    await version_for(api, None)
    assert state.predictor.cached(reference) is not None


@pytest.mark.usefixtures("versions")
async def test_feedback_of_a_key_is_on_the_version_that_answered_it(api: httpx.AsyncClient) -> None:
    await split(api, canary={"version": 3, "weight": 0.5})
    for role, label in (("canary", CLASSES[3]), ("stable", CLASSES[3])):
        sent = PNG | {"X-Request-Key": key_for(role)}
        url = f"{ALIAS}/feedback"
        answer = await api.post(url, params={"label": label}, content=PICTURE + role.encode(), headers=sent)
        assert answer.json()["version"] == {"canary": 3, "stable": 1}[role]
    chance = await api.post(f"{ALIAS}/feedback", params={"label": CLASSES[0]}, content=PICTURE, headers=PNG)
    assert chance.json()["version"] == 1
    figures = (await api.get(ALIAS)).json()["figures"]
    assert figures["canary"]["feedback"] == {"pictures": 1, "right": 0, "accuracy": 0.0}
    assert figures["stable"]["feedback"] == {"pictures": 2, "right": 1, "accuracy": 0.5}
    assert figures["canary"]["requests"] == figures["stable"]["requests"] == 0


@pytest.mark.usefixtures("versions")
async def test_the_split_is_shown_kept_in_the_history_and_removed_by_the_next_change(api: httpx.AsyncClient) -> None:
    parts = {"canary": {"version": 2, "weight": 0.1}, "shadow": {"version": 3, "weight": 0.5}}
    made = (await split(api, **parts)).json()
    shown = (await api.get(ALIAS)).json()
    for answer in (made, shown, shown["history"][-1]):
        assert {name: answer[name] for name in parts} == parts
    assert (await api.get("/models/brightness/aliases")).json() == {"aliases": {"live": 1}, "splits": {"live": parts}}
    assert (await api.get("/models/brightness")).json()["splits"] == {"live": parts}

    rolled_back = (await split(api)).json()
    assert parts.keys().isdisjoint(rolled_back)
    assert [set(change) for change in rolled_back["history"]] == [{"version", "at"} | set(parts), {"version", "at"}]
    assert (await api.get("/models/brightness/aliases")).json() == {"aliases": {"live": 1}}
    then = (await api.get(ALIAS, params={"at": made["history"][0]["at"]})).json()
    assert (then["version"], "figures" in then) == (1, False)


@pytest.mark.usefixtures("versions")
async def test_a_canary_and_a_shadow_cannot_be_deleted(api: httpx.AsyncClient) -> None:
    await split(api, canary={"version": 2, "weight": 0.1}, shadow={"version": 3})
    for version, role in ((2, "canary"), (3, "shadow")):
        refused = await api.delete(f"/models/brightness/versions/{version}")
        assert (refused.status_code, refused.json()["code"]) == (409, "version_in_use")
        assert f"live ({role})" in refused.json()["detail"]
    assert (await api.post("/retention?dry_run=true", json={"keep_best": 1})).json()["versions"] == []
    await split(api)
    would_go = (await api.post("/retention?dry_run=true", json={"keep_best": 1})).json()["versions"]
    assert [version["version"] for version in would_go] == [2]
    assert (await api.delete("/models/brightness/versions/3")).status_code == 200


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    ("parts", "status", "code", "words"),
    [
        ({"canary": {"version": 1, "weight": 0.1}}, 422, "split_invalid", "another version"),
        ({"shadow": {"version": 1}}, 422, "split_invalid", "shadow"),
        ({"canary": {"version": 9, "weight": 0.1}}, 404, "version_not_found", "9"),
        ({"canary": {"version": 4, "weight": 0.1}}, 422, "split_invalid", "classes"),
        ({"shadow": {"version": 5, "weight": 0.1}}, 422, "split_invalid", "4x4x3, got 8x8x3"),
        ({"canary": {"version": 2}}, 422, "validation_failed", "weight"),
        ({"canary": {"version": 2, "weight": 0}}, 422, "validation_failed", "weight"),
        ({"canary": {"version": 2, "weight": 1.01}}, 422, "validation_failed", "weight"),
        ({"canary": {"version": 2, "weight": "0.5"}}, 422, "validation_failed", "weight"),
        ({"canary": {"version": 2, "weight": True}}, 422, "validation_failed", "weight"),
        ({"canary": {"version": 2, "weight": 0.5, "sticky": True}}, 422, "validation_failed", "sticky"),
    ],
)
async def test_versions_that_cannot_share_an_alias_are_refused(
    api: httpx.AsyncClient, store: ModelStore, parts: dict[str, Any], status: int, code: str, words: str
) -> None:
    publish(store, classes=CLASSES[::-1])
    publish(store, input_shape=(8, 8, 3))
    answer = await split(api, **parts)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert words in answer.text
    assert (await api.get(ALIAS)).status_code == 404


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _answered_by(answer: httpx.Response) -> int:
    """The version that an answer names, in its own way."""
    named = answer.headers.get("X-Model-Version")
    if named is not None:
        return int(named.removeprefix("brightness/"))
    body = answer.json()
    return int(body.get("model_version", body.get("version")))
