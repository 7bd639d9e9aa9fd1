"""`convserve check`: faults that were planted are found, each with a fix, and a sound machine has none."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_store import open_store
from service.cli.checkup import machine
from service.cli.checkup.command import findings, run_check
from service.cli.checkup.files import check_directories, check_store, has_admin_key
from service.cli.checkup.findings import Finding
from service.cli.checkup.machine import check_training
from service.cli.checkup.redis import check_redis, configuration_findings
from service.cli.checkup.settings import check_exposure, check_settings
from service.cli.errors import CommandFailed
from service.keys.callers import KeyScope
from service.keys.issuing import issue
from service.settings import ApiSettings
from worker.jobs.workers import Gpu
from worker.supervision import gpus as gpus_module

SOUND: dict[str, Any] = {"aof_enabled": 1, "aof_last_write_status": "ok", "maxmemory": 0, "used_memory": 10}


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def bad(found: list[Finding]) -> list[tuple[str, str]]:
    assert all(finding.fix for finding in found if finding.level != "ok")
    return [(finding.level, finding.message) for finding in found if finding.level != "ok"]


def test_a_variable_that_no_setting_has_is_named_with_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    (typo, *_) = check_settings({"CONVSERVE_STORE_ULR": "/models", "PATH": "/bin", "CONVSERVE_API_KEY": "k"})
    assert (typo.level, typo.fix) == ("warning", "Did you mean CONVSERVE_STORE_URL?")
    monkeypatch.setenv("CONVSERVE_PORT", "99999")
    monkeypatch.setenv("CONVSERVE_LEASE_S", "1")
    found = [*check_settings({"CONVSERVE_PORT": "99999", "CONVSERVE_LEASE_S": "1"})]
    assert [message.partition(" ")[0] for _, message in bad(found)] == ["CONVSERVE_PORT", "CONVSERVE_LEASE_S"]
    assert [part.part for part in findings({})] == ["settings", "settings"]  # the rest depends on them


def test_directories_that_cannot_be_used_are_found(tmp_path: Path) -> None:
    def of(directory: Path, **settings: Any) -> list[tuple[str, str]]:  # noqa: ANN401
        return bad([*check_directories(ApiSettings(data_dir=directory, **settings))])

    assert of(tmp_path / "new" / "deep") == []
    file = tmp_path / "file"
    file.touch()
    assert of(file)[0] == ("error", f"{file} is not a directory that this user can write")
    assert "are free in" in of(tmp_path, min_free_bytes=2**62)[0][1]
    tmp_path.chmod(0o755)
    assert of(tmp_path)[0] == ("warning", f"other users of this machine can read {tmp_path}")
    tmp_path.chmod(0o750)
    assert of(tmp_path, umask="027") == []


def test_a_store_that_cannot_be_used_is_found_and_none_is_created(tmp_path: Path) -> None:
    settings = ApiSettings(data_dir=tmp_path)
    assert [finding.message for finding in check_store(settings)] == [f"{tmp_path}/store will be created"]
    assert not has_admin_key(settings)
    assert [*tmp_path.iterdir()] == []
    open_store(settings.store_location)
    assert bad([*check_store(settings)]) == []
    assert "too little free space" in bad([*check_store(ApiSettings(data_dir=tmp_path, min_free_bytes=2**62))])[0][1]
    assert "expected a directory" in bad([*check_store(ApiSettings(store_url="ftp://x"))])[0][1]


def test_an_address_for_everybody_needs_a_key(tmp_path: Path) -> None:
    settings = ApiSettings(host="0.0.0.0", data_dir=tmp_path)
    assert bad([*check_exposure(settings, has_admin_key(settings))])[0][0] == "error"
    issue(open_store(settings.store_location).keys, "me", KeyScope.ADMIN, expires=None, created_by="me")
    assert bad([*check_exposure(settings, has_admin_key(settings))]) == []
    assert bad([*check_exposure(ApiSettings(), has_admin_key=False)]) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"aof_enabled": 0}, "a restart loses them"),
        ({"aof_last_write_status": "err"}, "its last write to disk failed"),
        ({"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, "evicts records"),
        ({"maxmemory": 11}, "91% of its memory is used"),
    ],
)
def test_a_redis_that_loses_records_is_found(wrong: dict[str, Any], said: str) -> None:
    assert [*configuration_findings(SOUND)] == []
    ((_, message),) = bad([*configuration_findings(SOUND | wrong)])
    assert said in message


def test_a_redis_that_does_not_answer_is_an_error_only_if_one_was_named(tmp_path: Path) -> None:
    nobody = f"unix://{tmp_path}/nobody.sock"
    assert "does not answer" in bad([*check_redis(ApiSettings(redis_url=nobody))])[0][1]
    (finding,) = check_redis(ApiSettings.model_construct(redis_url=nobody, _fields_set=set()))
    assert finding.level == "ok"
    ((_, message),) = bad([*check_redis(ApiSettings(redis_url="redis://:secret@127.0.0.1:1/0"))])
    assert "redis://127.0.0.1:1/0" in message
    assert "secret" not in message


def test_a_gpu_that_would_not_be_used_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "DEVICES", tmp_path)
    monkeypatch.setattr(machine, "host_bytes", lambda: 2**40)
    monkeypatch.setattr(gpus_module, "gpus", tuple)
    assert bad([*check_training()]) == []
    (tmp_path / "nvidia0").touch()
    assert "driver does not answer" in bad([*check_training()])[0][1]
    monkeypatch.setattr(
        gpus_module, "gpus", lambda: (Gpu(name="H200", used_bytes=0, total_bytes=2**37, utilization=0.0),)
    )
    assert "no CUDA libraries" in bad([*check_training()])[0][1]
    monkeypatch.setattr(machine, "_is_installed", lambda _: True)
    assert bad([*check_training()]) == []
    monkeypatch.setattr(machine, "host_bytes", lambda: 2**30)
    assert "1.0 GiB of memory" in bad([*check_training()])[0][1]


def test_findings_are_printed_for_people_and_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_check(as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["level"] for line in lines} <= {"ok", "warning"}
    assert {"settings", "store", "keys", "Redis"} <= {line["part"] for line in lines}
    monkeypatch.setenv("CONVSERVE_PORT", "none")
    with pytest.raises(CommandFailed, match="1 of these"):
        run_check(as_json=False)
    assert "error    settings: CONVSERVE_PORT is not valid" in capsys.readouterr().out
