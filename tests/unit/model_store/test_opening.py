from collections.abc import Callable
from pathlib import Path

import pytest

import model_store
from model_store import StoreError, StoreUnavailable, open_store
from model_store.opening import open_objects
from tests.unit.model_store.published import FILES, publish


@pytest.mark.parametrize("spell", [str, Path.as_uri], ids=["path", "file URL"])
def test_a_directory_is_made_and_found_again(tmp_path: Path, spell: Callable[[Path], str]) -> None:
    directory = tmp_path / "a new place" / "with ümlaut"
    publish(open_store(spell(directory)))

    assert open_store(str(directory)).read("shirts", 1, "model.onnx") == FILES["model.onnx"]
    assert open_objects(spell(directory)).url == directory.as_uri()


def test_a_relative_directory_means_the_same_after_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("store")
    monkeypatch.chdir("/")
    publish(store)

    assert open_store(str(tmp_path / "store")).models() == ["shirts"]


def test_every_store_in_memory_is_its_own() -> None:
    publish(open_store("memory://"))

    assert open_store("memory://").models() == []


def test_a_bucket_is_opened_without_a_connection_and_shown_without_secrets() -> None:
    assert open_objects("s3://key:secret@bucket/some/prefix?token=secret").url == "s3://bucket/some/prefix"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://host/store",
        "ftp://host/store",
        "redis://host/0",
        "s3://",
        "nope://x",
        "file://data/store",
        "file://",
    ],
)
def test_a_place_that_cannot_hold_a_store_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable):
        open_store(url)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a directory")

    with pytest.raises(StoreUnavailable, match="File exists"):
        open_store(str(tmp_path / "store"))


def test_the_package_offers_what_it_says_and_every_error_has_one_root() -> None:
    offered = {name: getattr(model_store, name) for name in model_store.__all__}

    assert list(offered) == sorted(offered)
    errors = [value for value in offered.values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(errors) == 17
    assert all(issubclass(error, StoreError) for error in errors)
