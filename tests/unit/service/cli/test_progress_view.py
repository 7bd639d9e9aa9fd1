"""A job's progress in words."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from service.cli.progress_view import ProgressView, describe, duration, figures
from worker.jobs.records import JobRecord, Progress

MakeJob = Callable[..., JobRecord]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (185, "3:05"), (7800, "2:10:00")]
)
def test_durations_read_as_a_person_says_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "queued", "position": 2}, "queued, number 2 in line"),
        ({"progress": {"phase": "preparing"}}, "preparing"),
        ({"progress": {"phase": "downloading", "message": "3 of 170 MB"}}, "downloading: 3 of 170 MB"),
        (
            {"progress": {"phase": "training", "epoch": 2, "epochs": 3, "step": 7, "steps": 9}},
            "epoch 2/3 step 7/9",
        ),
        ({"cancel_requested": True}, "being cancelled"),
        ({"state": "failed"}, "failed"),
    ],
)
def test_a_job_is_described_by_what_it_does(changes: dict[str, object], words: str, make_job: MakeJob) -> None:
    assert describe(make_job(**changes)) == words


def test_figures_show_what_is_known() -> None:
    assert figures(Progress(phase="training", loss=0.5)) == "loss 0.500"
    known = Progress(phase="training", loss=0.5, accuracy=0.8, images_per_second=5321.4, eta_s=65)
    assert figures(known) == "loss 0.500  acc 0.800  5,321 images/s  1:05 left"
    assert figures(Progress(phase="exporting", loss=0.5)) == ""


def history(epochs: int) -> dict[str, list[float]]:
    return {name: [0.5] * epochs for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


def test_every_epoch_is_written_once_even_without_a_terminal(make_job: MakeJob) -> None:
    written = io.StringIO()
    with ProgressView(Console(file=written, width=200)) as view:
        for epochs in (0, 1, 1, 3):
            view.show(make_job(history=history(epochs)))
    lines = written.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]


def test_a_job_that_begins_anew_is_shown_anew(make_job: MakeJob) -> None:
    written = io.StringIO()
    with ProgressView(Console(file=written, width=200)) as view:
        for epochs in (2, 0, 1):
            view.show(make_job(history=history(epochs)))
    assert [line.split()[1] for line in written.getvalue().splitlines()] == ["1/3", "2/3", "1/3"]


def test_a_terminal_shows_a_bar(make_job: MakeJob) -> None:
    written = io.StringIO()
    console = Console(file=written, width=200, force_terminal=True, legacy_windows=False)
    with ProgressView(console) as view:
        view.show(
            make_job(progress={"phase": "training", "epoch": 2, "epochs": 3, "step": 5, "steps": 10, "loss": 0.5})
        )
    assert "epoch 2/3 step 5/10" in written.getvalue()
    assert "loss 0.500" in written.getvalue()
    assert "━" in written.getvalue()


def test_the_bar_fits_a_narrow_terminal(make_job: MakeJob) -> None:
    written = io.StringIO()
    progress = {"phase": "training", "epoch": 12, "epochs": 12, "step": 85, "steps": 85, "loss": 0.5, "accuracy": 0.8}
    with ProgressView(Console(file=written, width=80, force_terminal=True, legacy_windows=False)) as view:
        view.show(make_job(progress=progress | {"images_per_second": 5321.4, "eta_s": 12}))
    assert "5,321 images/s  12 s left" in written.getvalue()
    assert "…" not in written.getvalue()
