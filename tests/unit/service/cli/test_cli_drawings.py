"""Where `convserve look` and `convserve explain` ask, and what they write."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.cli.client import Client
from service.cli.drawings import draw, print_numbers
from service.cli.errors import CommandFailed

ClientOf = Callable[[Callable[[httpx.Request], httpx.Response]], Client]


def test_the_version_that_answers_by_default_is_drawn(client_of: ClientOf, tmp_path: Path) -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url).removeprefix("http://convserve.test"))
        if request.url.path == "/predict":
            return httpx.Response(200, json={"model": "shoes", "version": 7, "predictions": []})
        return httpx.Response(200, content=b"drawn")

    (tmp_path / "boot.jpg").write_bytes(b"picture")

    draw(client_of(respond), "maps", tmp_path / "boot.jpg", None, "look", (None, None, None), layer="conv2d")

    assert asked == ["/predict?top_k=1", "/models/shoes/versions/7/maps?format=png&layer=conv2d"]
    assert (tmp_path / "boot-look.png").read_bytes() == b"drawn"


def test_an_alias_needs_no_prediction(client_of: ClientOf, tmp_path: Path) -> None:
    (tmp_path / "boot.jpg").write_bytes(b"picture")
    client = client_of(lambda request: httpx.Response(200, content=request.url.path.encode()))

    draw(client, "explain", tmp_path / "boot.jpg", tmp_path / "why.png", "why", ("shoes", None, "production"))

    assert (tmp_path / "why.png").read_bytes() == b"/models/shoes/aliases/production/explain"


def test_a_picture_that_cannot_be_read_is_named(client_of: ClientOf, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"nothing\.png"):
        draw(client_of(lambda _: httpx.Response(500)), "maps", tmp_path / "nothing.png", None, "look", ("a", 1, None))


def test_the_numbers_behind_a_drawing_are_printed(
    client_of: ClientOf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "boot.jpg").write_bytes(b"picture")
    client = client_of(lambda request: httpx.Response(200, json={"asked": str(request.url)}))
    print_numbers(client, "explain", tmp_path / "boot.jpg", ("shoes", 3, None), method="gradcam", label=None)
    said = json.loads(capsys.readouterr().out)["asked"]
    assert said.endswith("/models/shoes/versions/3/explain?method=gradcam")
