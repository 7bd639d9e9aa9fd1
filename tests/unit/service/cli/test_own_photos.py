"""`convserve train ./my-photos`: what its arguments mean, and what becomes of the folder."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import typer
from rich.console import Console

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.own_photos import architecture_and_pictures, pack_folder, upload_pictures
from service.cli.train import show_mistakes
from tests.unit.service.cli.conftest import Respond
from worker.jobs.records import PublishedModel

ClientOf = Callable[[Respond], Client]
READY = {
    "state": "ready",
    "title": "",
    "image_shape": [224, 224, 3],
    "classes": [],
    "error": None,
    "report": None,
    "progress": None,
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "My Photos (2024)"
    for name in ("cat/1.jpg", "cat/.hidden.jpg", "dog/2.jpg", ".git/config", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "dog" / "link.jpg").symlink_to(folder / "cat" / "1.jpg")
    return folder


def test_a_folder_alone_is_trained_with_the_network_for_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").mkdir()

    assert architecture_and_pictures("./pets", None) == ("efficientnet-lite0", "", "./pets")
    assert architecture_and_pictures("pets", None) == ("efficientnet-lite0", "", "pets")
    assert architecture_and_pictures("pets.zip", None) == ("efficientnet-lite0", "", "pets.zip")
    assert architecture_and_pictures("fast", "./pets") == ("fast", "", "./pets")
    assert architecture_and_pictures("fast", "pets") == ("fast", "pets", None)


def test_a_preset_alone_is_refused_with_what_is_missing() -> None:
    with pytest.raises(typer.BadParameter, match="name of a dataset after 'fast'"):
        architecture_and_pictures("fast", None)


def test_a_folder_is_packed_without_hidden_files_and_links(photos: Path, tmp_path: Path) -> None:
    assert pack_folder(photos, tmp_path / "packed.zip") == 3

    with zipfile.ZipFile(tmp_path / "packed.zip") as packed:
        assert sorted(packed.namelist()) == ["cat/1.jpg", "dog/2.jpg", "notes.txt"]
        assert packed.read("dog/2.jpg") == b"dog/2.jpg"


def test_an_empty_folder_is_refused(tmp_path: Path, client_of: ClientOf) -> None:
    (tmp_path / "empty").mkdir()
    client = client_of(lambda _: httpx.Response(500))

    with pytest.raises(CommandFailed, match="got no file"):
        upload_pictures(client, tmp_path / "empty")
    with pytest.raises(CommandFailed, match="does not exist"):
        upload_pictures(client, tmp_path / "nothing")


def test_the_dataset_is_called_like_the_folder_with_a_number_if_needed(photos: Path, client_of: ClientOf) -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=READY | {"name": "my-photos-2024-2", "train": 0, "test": 0})
        request.read()
        asked.append(request.url.params["name"])
        if len(asked) == 1:
            return httpx.Response(409, json={"code": "dataset_exists", "detail": "taken"})
        return httpx.Response(202, json=READY | {"name": asked[-1], "train": 0, "test": 0})

    assert upload_pictures(client_of(respond), photos) == "my-photos-2024-2"
    assert asked == ["my-photos-2024", "my-photos-2024-2"]


def test_the_mistakes_are_told_in_words(client_of: ClientOf) -> None:
    mistake = {"index": 0, "true": "cat", "predicted": "dog", "probability": 0.9, "true_probability": 0.1}
    answer = {"pictures": 40, "total": 2, "mistakes": [mistake, mistake]}
    written = io.StringIO()
    model = PublishedModel(name="pets", version=3, test_loss=0.1, test_accuracy=0.95)

    client = client_of(lambda _: httpx.Response(200, json=answer))
    show_mistakes(client, model, Console(file=written, width=200))

    assert "2 mistakes on 40 test pictures:\n  2 x cat taken for dog" in written.getvalue()
    assert "/models/pets/versions/3/files/mistakes.png" in written.getvalue()
    assert "/models/pets/predict -F file=@picture.jpg" in written.getvalue()


def test_a_tar_or_a_table_is_sent_as_it_is_and_named_without_its_ending(tmp_path: Path, client_of: ClientOf) -> None:
    sent: list[bytes] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.read())
        return httpx.Response(202, json=READY | {"name": "pets", "train": 0, "test": 0})

    (tmp_path / "pets.tar.gz").write_bytes(b"\x1f\x8b tar")

    assert architecture_and_pictures("pets.tar.gz", None)[2] == "pets.tar.gz"
    assert upload_pictures(client_of(respond), tmp_path / "pets.tar.gz") == "pets"
    assert sent == [b"\x1f\x8b tar"]
