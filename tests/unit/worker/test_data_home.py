"""Where data go without a setting: beside a checkout as ever, else where the XDG specification puts a user's data."""

from pathlib import Path

import pytest

from worker import data_home
from worker.data_home import BESIDE, default_data_dir
from worker.settings import SharedSettings


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if it ran from site-packages, in an empty directory, for a user with a home."""
    monkeypatch.setattr(data_home, "CHECKOUT", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("CONVSERVE_DATA_DIR", raising=False)
    return tmp_path


def test_an_installed_program_keeps_its_data_with_the_users(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert SharedSettings().data_dir == installed / "home" / ".local" / "share" / "convserve"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # which the specification says to ignore
    assert default_data_dir() == installed / "home" / ".local" / "share" / "convserve"
    monkeypatch.setenv("XDG_DATA_HOME", str(installed / "mine"))
    assert default_data_dir() == installed / "mine" / "convserve"
    assert "data_dir" not in SharedSettings().model_fields_set
    monkeypatch.setenv("CONVSERVE_DATA_DIR", "elsewhere")
    assert SharedSettings().data_dir == Path("elsewhere")


def test_data_that_are_there_already_stay_in_use(installed: Path) -> None:
    (installed / "convserve-data").mkdir()
    assert default_data_dir() == BESIDE


def test_a_checkout_keeps_its_data_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_data_dir() == BESIDE


def test_a_user_without_a_home_gets_the_current_directory(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home directory")

    monkeypatch.setattr(Path, "home", homeless)
    assert default_data_dir() == BESIDE
