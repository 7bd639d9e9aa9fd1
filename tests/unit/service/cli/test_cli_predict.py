"""What `convserve predict` asks, and how it shows the answers."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.predict import PICTURES_PER_REQUEST, prediction_path, run_predict

ClientOf = Callable[[Callable[[httpx.Request], httpx.Response]], Client]

BOOT = {"label": "Ankle boot", "class_index": 9, "probability": 0.97}


@pytest.mark.parametrize(
    ("model", "version", "alias", "path"),
    [
        (None, None, None, "/predict"),
        ("shoes", None, None, "/models/shoes/predict"),
        ("shoes", 3, None, "/models/shoes/versions/3/predict"),
        ("shoes", None, "best", "/models/shoes/aliases/best/predict"),
    ],
)
def test_the_version_meant_decides_the_route(
    model: str | None, version: int | None, alias: str | None, path: str
) -> None:
    assert prediction_path(model, version, alias) == path


@pytest.mark.parametrize(("model", "version", "alias"), [(None, 3, None), (None, None, "best"), ("shoes", 3, "best")])
def test_a_version_needs_its_model_and_nothing_else(model: str | None, version: int | None, alias: str | None) -> None:
    with pytest.raises(CommandFailed):
        prediction_path(model, version, alias)


def pictures(directory: Path, count: int) -> list[Path]:
    files = [directory / f"{number}.png" for number in range(count)]
    for file in files:
        file.write_bytes(b"picture")
    return files


def answering(*predictions: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"model": "shoes", "version": 2, "predictions": list(predictions)})


def test_every_guess_is_shown(client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = answering({"filename": "0.png", **BOOT, "top_k": [BOOT, BOOT | {"label": "[Bag]", "probability": 0.02}]})
    run_predict(client_of(lambda _: answer), "/predict", pictures(tmp_path, 1), 2, as_json=False)
    shown = capsys.readouterr().out
    assert "shoes, version 2" in shown
    assert "Ankle boot" in shown
    assert "0.9700" in shown
    assert "[Bag]" in shown


def test_a_long_name_stays_on_one_line(client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = {"model": "fashion_mnist_sample-lenet5-fashion-" + 20 * "x", "version": 12, "predictions": []}
    run_predict(client_of(lambda _: httpx.Response(200, json=named)), "/predict", pictures(tmp_path, 1), 1, False)
    assert f"{named['model']}, version 12" in capsys.readouterr().out.splitlines()


def test_a_bad_picture_is_shown_among_the_others_and_the_command_fails(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = answering(
        {"filename": "0.png", **BOOT, "top_k": [BOOT]},
        {"filename": "1.png", "error": {"code": "picture_invalid", "message": "not a picture"}},
    )
    with pytest.raises(CommandFailed, match="1 of 2 pictures"):
        run_predict(client_of(lambda _: answer), "/predict", pictures(tmp_path, 2), 1, as_json=False)
    assert "not a picture" in capsys.readouterr().out


def test_json_is_the_servers_answer(client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = answering({"filename": "0.png", **BOOT, "top_k": [BOOT]})
    run_predict(client_of(lambda _: answer), "/predict", pictures(tmp_path, 1), 1, as_json=True)
    assert json.loads(capsys.readouterr().out) == answer.json()


def test_a_single_bad_picture_is_named(client_of: ClientOf, tmp_path: Path) -> None:
    problem = httpx.Response(422, json={"detail": "it is cut short", "code": "picture_invalid"})
    with pytest.raises(CommandFailed, match=r"0\.png: it is cut short"):
        run_predict(client_of(lambda _: problem), "/predict", pictures(tmp_path, 1), 1, as_json=False)


def test_a_missing_file_is_named(client_of: ClientOf, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"cannot read .*nowhere\.png: No such file"):
        run_predict(client_of(lambda _: answering()), "/predict", [tmp_path / "nowhere.png"], 1, as_json=False)


def test_many_pictures_go_in_several_requests(client_of: ClientOf, tmp_path: Path) -> None:
    sizes: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sizes.append(request.read().count(b'name="file"'))
        return answering()

    run_predict(client_of(respond), "/predict", pictures(tmp_path, PICTURES_PER_REQUEST + 3), 1, as_json=False)
    assert sizes == [PICTURES_PER_REQUEST, 3]
