"""Shows the progress of a job on a terminal: one line per epoch, and a progress bar below."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from worker.jobs.records import JobRecord
from worker.jobs.records import Progress as JobProgress
from worker.jobs.states import JobState


class ProgressView:
    """The live view. Without a terminal only the lines of the epochs are written."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),  # fills the rest of the line
            TextColumn("{task.fields[figures]}"),
            console=console,
            expand=True,
            transient=True,
            disable=not console.is_terminal,
        )
        self._console = console
        self._task = self._bar.add_task("queued", total=None, figures="")
        self._epochs_shown = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._bar.stop()

    def show(self, job: JobRecord) -> None:
        """Update the view."""
        self._show_epochs(job)
        progress = job.progress
        self._bar.update(
            self._task,
            description=describe(job),
            total=progress.epochs * progress.steps or None,
            completed=max(progress.epoch - 1, 0) * progress.steps + progress.step,
            figures=figures(progress),
        )

    def _show_epochs(self, job: JobRecord) -> None:
        history = job.history
        self._epochs_shown = min(self._epochs_shown, len(history.loss))  # a job that is run again starts at epoch 1
        width = len(str(job.request.epochs))
        for index in range(self._epochs_shown, len(history.loss)):
            self._console.print(
                f"epoch {index + 1:>{width}}/{job.request.epochs}"
                f"  loss {history.loss[index]:.4f}  accuracy {history.accuracy[index]:.4f}"
                f"  val_loss {history.val_loss[index]:.4f}  val_accuracy {history.val_accuracy[index]:.4f}",
                highlight=False,
                soft_wrap=True,
            )
        self._epochs_shown = len(history.loss)


def describe(job: JobRecord) -> str:
    """A short description of what a job is doing."""
    if job.state is not JobState.RUNNING:
        return f"queued, number {job.position} in line" if job.position else str(job.state)
    if job.cancel_requested:
        return "being cancelled"
    progress = job.progress
    if progress.phase == "predicting":
        return f"picture {progress.step:,}/{progress.steps:,}"
    if progress.phase == "training":
        return f"epoch {progress.epoch}/{progress.epochs} step {progress.step}/{progress.steps}"
    return f"{progress.phase}: {progress.message}" if progress.message else progress.phase


def figures(progress: JobProgress) -> str:
    """The figures beside the progress bar."""
    if progress.phase not in {"training", "predicting"}:
        return ""
    parts = []
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.accuracy is not None:
        parts.append(f"acc {progress.accuracy:.3f}")
    if progress.images_per_second is not None:
        parts.append(f"{progress.images_per_second:,.0f} images/s")
    if progress.eta_s is not None:
        parts.append(f"{duration(progress.eta_s)} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Seconds in a readable form: 40 s, 3:05, 2:10:00."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
