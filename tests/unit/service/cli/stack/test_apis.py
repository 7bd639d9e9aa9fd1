"""What the API's processes are: how many, their shares of the machine, and what they have in common."""

import os
import sys
from pathlib import Path

import pytest

from service.cli.stack.apis import api_specs
from service.settings import ApiSettings


def test_one_process_is_told_nothing_of_shares(tmp_path: Path) -> None:
    (spec,) = api_specs(ApiSettings(api_workers=1), 7, {"A": "b"}, tmp_path)
    assert spec.name == "api"
    assert spec.environment == {"A": "b", "CONVSERVE_API_WORKERS": "1"}
    assert spec.descriptors == [7]


def test_several_divide_the_cores_they_may_use_and_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    settings = ApiSettings(api_workers=4, model_memory_bytes=400 * 1024**2)
    specs = api_specs(settings, 7, {"A": "b"}, tmp_path)
    assert [spec.name for spec in specs] == ["api 1", "api 2", "api 3", "api 4"]
    for spec in specs:
        assert spec.environment == {
            "A": "b",
            "CONVSERVE_API_WORKERS": "1",
            "CONVSERVE_INFERENCE_WORKERS": "1",
            "CONVSERVE_DECODE_THREADS": "1",
            "CONVSERVE_MODEL_MEMORY_BYTES": str(100 * 1024**2),
            "CONVSERVE_API_SHARED_DIR": str(tmp_path),
        }


def test_threads_that_were_set_are_not_changed(tmp_path: Path) -> None:
    settings = ApiSettings(api_workers=2, inference_workers=8)
    for spec in api_specs(settings, 7, {"CONVSERVE_INFERENCE_WORKERS": "8"}, tmp_path):
        assert spec.environment["CONVSERVE_INFERENCE_WORKERS"] == "8"


def test_a_folder_of_the_current_directory_does_not_stand_in_for_the_program(tmp_path: Path) -> None:
    for spec in api_specs(ApiSettings(api_workers=2), 7, {}, tmp_path):
        assert spec.command[:4] == (sys.executable, "-P", "-m", "service.cli")
        assert spec.command[4:] == ("api", "--fd", "7")
