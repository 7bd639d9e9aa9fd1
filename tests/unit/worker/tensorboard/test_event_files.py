"""Event files as TensorBoard itself reads them: of a whole run, and while a run grows."""

import os
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from worker.jobs.records import History, Progress
from worker.tensorboard.event_files import file_of
from worker.tensorboard.run_folders import MOST_RUNS, RunFolder

sys.modules["tensorboard.compat.notf"] = ModuleType("notf")  # lets TensorBoard read without importing TensorFlow
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what TensorBoard imports
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

HISTORY = History(
    loss=(2.0, 0.5), accuracy=(0.25, 0.75), val_loss=(1.5, 1.0), val_accuracy=(0.5, 0.625), learning_rate=(0.1, 0.01)
)
AT = datetime(2026, 11, 26, 12, tzinfo=UTC), datetime(2026, 11, 26, 13, tzinfo=UTC)


def curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by the name of the curve."""
    found = EventAccumulator(str(path))
    found.Reload()
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_reads_the_curves_of_a_whole_run(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.job"
    path.write_bytes(file_of(HISTORY, *AT))
    found = curves(path)
    assert found["loss/train"] == [(1, 2.0), (2, 0.5)]
    assert found["accuracy/validation"] == [(1, 0.5), (2, 0.625)]
    assert [round(value, 6) for _, value in found["learning_rate"]] == [0.1, 0.01]
    assert set(found) == {"loss/train", "loss/validation", "accuracy/train", "accuracy/validation", "learning_rate"}
    reader = EventAccumulator(str(path))
    reader.Reload()
    assert [event.wall_time for event in reader.Scalars("loss/train")] == [
        AT[0].timestamp() + 1800,
        AT[1].timestamp(),
    ]


def test_a_run_without_an_epoch_is_a_file_without_curves(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.job"
    path.write_bytes(file_of(History(), *AT))
    assert curves(path) == {}


def test_numbers_that_are_none_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.job"
    path.write_bytes(file_of(History(loss=(float("nan"), 1e300)), *AT))
    (_, first), (_, second) = curves(path)["loss/train"]
    assert first != first  # noqa: PLR0124 - not a number
    assert second == float("inf")


def until(epoch: int) -> History:
    return History(**{name: values[:epoch] for name, values in HISTORY if isinstance(values, tuple)})


def test_tensorboard_follows_a_run_while_it_grows(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, "mine-k3v9x2m7qd")
    watching = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    run.note(Progress(phase="training", epoch=1, images_per_second=1000.0), until(1))
    run.note(Progress(phase="training", epoch=2), None)  # in the middle of an epoch
    watching.AddRunsFromDirectory(str(tmp_path))
    watching.Reload()
    assert [event.step for event in watching.Scalars("mine-k3v9x2m7qd", "loss/train")] == [1]
    run.note(Progress(phase="training", epoch=2, images_per_second=1200.0), until(2))
    run.note(Progress(phase="evaluating", epoch=2), until(2))
    watching.Reload()
    assert [event.step for event in watching.Scalars("mine-k3v9x2m7qd", "loss/train")] == [1, 2]
    speeds = watching.Scalars("mine-k3v9x2m7qd", "images_per_second")
    assert [(event.step, event.value) for event in speeds] == [(1, 1000.0), (2, 1200.0)]


def test_a_second_attempt_replaces_the_first(tmp_path: Path) -> None:
    RunFolder(tmp_path, "mine-1").note(Progress(), until(1))
    (first,) = (tmp_path / "mine-1").iterdir()
    first.rename(first.with_name("events.out.tfevents.1.earlier"))
    RunFolder(tmp_path, "mine-1").note(Progress(), until(2))
    (only,) = (tmp_path / "mine-1").iterdir()
    assert curves(only)["loss/train"] == [(1, 2.0), (2, 0.5)]


def test_only_the_latest_runs_stay_and_only_event_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_RUNS == 1000
    monkeypatch.setattr("worker.tensorboard.run_folders.MOST_RUNS", 2)
    for second, name in enumerate(("oldest", "older", "newer")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.out.tfevents.1.convserve").touch()
        if name == "older":
            (tmp_path / name / "notes.txt").touch()
        os.utime(tmp_path / name, (second, second))
    RunFolder(tmp_path, "new").note(Progress(), until(1))
    assert {folder.name for folder in tmp_path.iterdir()} == {"older", "newer", "new"}
    assert [file.name for file in (tmp_path / "older").iterdir()] == ["notes.txt"]


def test_what_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = RunFolder(tmp_path / "file", "mine-1")
    run.note(Progress(), until(1))
    run.note(Progress(), until(2))
    RunFolder(None, "mine-1").note(Progress(), until(2))
