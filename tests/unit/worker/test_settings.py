import os
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.settings import WorkerSettings, use_umask


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("rediss://:secret@host:6380/1", "rediss://:secret@host:6380/1"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
        ("unix:///run/valkey.sock?db=2", "redis+socket:///run/valkey.sock?virtual_host=2"),
    ],
)
def test_celery_gets_the_same_server_in_its_own_spelling(redis_url: str, broker_url: str) -> None:
    assert WorkerSettings(redis_url=redis_url).broker_url == broker_url


def test_datasets_and_store_lie_in_the_data_directory_unless_said_otherwise(tmp_path: Path) -> None:
    settings = WorkerSettings(data_dir=tmp_path)
    assert settings.datasets_path == tmp_path / "datasets"
    assert settings.store_location == str(tmp_path / "store")
    elsewhere = WorkerSettings(data_dir=tmp_path, datasets_dir=Path("/data"), store_url="s3://bucket/prefix")
    assert elsewhere.datasets_path == Path("/data")
    assert elsewhere.store_location == "s3://bucket/prefix"


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError):
        WorkerSettings().spare_trainer = False  # type: ignore[misc]


@pytest.mark.parametrize(("given", "read"), [("JSON", "json"), ("readable", "readable")])
def test_log_settings_may_be_written_large(given: str, read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVSERVE_LOG_FORMAT", given)
    monkeypatch.setenv("CONVSERVE_LOG_LEVEL", "WARNING")
    settings = WorkerSettings()
    assert (settings.log_format, settings.log_level) == (read, "warning")


def test_a_log_format_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError):
        WorkerSettings.model_validate({"log_format": "xml"})


@pytest.mark.parametrize(("umask", "file_mode", "directory_mode"), [(None, 0o600, 0o700), ("007", 0o660, 0o770)])
def test_new_files_are_private_unless_the_umask_says_otherwise(
    umask: str | None, file_mode: int, directory_mode: int, tmp_path: Path
) -> None:
    before = os.umask(0o022)
    try:
        use_umask(WorkerSettings() if umask is None else WorkerSettings(umask=umask))
        (tmp_path / "file").touch()
        (tmp_path / "directory").mkdir()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == file_mode
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) == directory_mode


@pytest.mark.parametrize("umask", ["", "77", "0o77", "089", "-1", "00077"])
def test_an_umask_that_is_not_three_octal_digits_is_refused(umask: str) -> None:
    with pytest.raises(ValidationError):
        WorkerSettings(umask=umask)
