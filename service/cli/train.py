"""`convserve train`: submits a job over HTTP and shows its progress until it ends."""

import json
import signal
from collections import Counter
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from service.cli.client import Client, JsonObject
from service.cli.errors import CommandFailed, Stopped
from service.cli.files import read_file
from service.cli.follow import JobFollower
from service.cli.progress_view import ProgressView
from worker.artifacts import CURVES_PICTURE, DOUBTFUL_FILE, DOUBTFUL_PICTURE, MISTAKES_FILE, MISTAKES_PICTURE
from worker.jobs.records import JobRecord, PublishedModel
from worker.jobs.states import JobState
from worker.reports.doubtful_labels import DoubtfulLabels
from worker.reports.mistakes import Mistakes

PAIRS_SHOWN = 5
_SPLITS = ("test", "validation")
"""What a job can validate with, besides a share of the training pictures."""


def job_request(
    architecture: str,
    dataset: str,
    optimizer: str | None,
    learning_rate: float | None,
    validation: str | None,
    **others: object,
) -> JsonObject:
    """Build the body of `POST /jobs` from command-line arguments; the server validates it.

    Args:
        architecture: name of a preset, or path of a `.json` file.
        dataset: name of the dataset.
        optimizer: name of the optimizer.
        learning_rate: needs `optimizer`.
        validation: `test`, `validation`, or a number.
        others: fields that are sent unchanged; None is left out.
    """
    if learning_rate is not None and optimizer is None:
        raise CommandFailed("--learning-rate needs an optimizer; name one with --optimizer")
    request = {
        "architecture": _read_architecture(Path(architecture)) if architecture.endswith(".json") else architecture,
        "dataset": dataset,
        "optimizer": {"name": optimizer, "learning_rate": learning_rate} if learning_rate is not None else optimizer,
        "validation": validation if validation in {None, *_SPLITS} else _number(str(validation)),
    }
    return {name: value for name, value in (request | others).items() if value is not None}


def run_train(client: Client, request: JsonObject, follow: bool, cancel_on_interrupt: bool) -> None:
    """Submit a job, show its progress, and say how it ended."""
    console = Console()
    job = JobRecord.model_validate(client.post("/jobs", request))
    try:  # the user may press Ctrl-C as soon as the first line is shown
        console.print(f"Job [bold]{job.id}[/bold]: {job.request.architecture_name} on {job.request.dataset}")
        if not follow:
            console.print(f"Show it with: convserve jobs {job.id}")
            return
        job = watch(client, job, console)
    except KeyboardInterrupt:
        _leave(client, job, console, cancel_on_interrupt)
    model = report_end(job, console)
    show_mistakes(client, model, console)
    show_doubtful_labels(client, model, console)
    console.print(f"Curves: {client.url}{curves_path(model)}", soft_wrap=True, highlight=False)


def watch(client: Client, job: JobRecord, console: Console) -> JobRecord:
    """Show a job's progress until it ends, and return its final record."""
    follower = JobFollower(client, job)
    with ProgressView(console) as view:
        for update in follower.updates():
            view.show(update)
    return follower.job


def report_end(job: JobRecord, console: Console) -> PublishedModel:
    """Say how a job ended, and return the model it published. Raises like `model_of`."""
    model = model_of(job)
    if model.test_accuracy is not None and model.test_loss is not None:  # an import may be without
        samples = job.request.test_samples
        tested = "" if samples is None else f", on {samples:,} test pictures"
        figures = f"Test accuracy [bold]{model.test_accuracy:.4f}[/bold], test loss {model.test_loss:.4f}"
        console.print(f"\n{figures}{tested}")
    console.print(f"Published as [bold]{model.name}[/bold], version {model.version}", soft_wrap=True)
    return model


def model_of(job: JobRecord) -> PublishedModel:
    """The model of a job that has ended.

    Raises:
        CommandFailed: the job did not succeed.
    """
    require_success(job)
    if job.model is None:
        raise CommandFailed(f"job {job.id} published no model")
    return job.model


def require_success(job: JobRecord) -> None:
    """Check how a job has ended. Raises `CommandFailed` when it did not succeed."""
    if job.state is JobState.FAILED and job.error is not None:
        raise CommandFailed(f"job {job.id} failed ({job.error.code}): {job.error.message}", job.error.hint)
    if job.state is not JobState.SUCCEEDED:
        raise CommandFailed(f"job {job.id} was {job.state}")


def show_mistakes(client: Client, model: PublishedModel, console: Console) -> None:
    """Say which classes the network confuses most; their pictures are in the version's files."""
    try:
        files = f"/models/{model.name}/versions/{model.version}/files"
        found = Mistakes.model_validate_json(client.download(f"{files}/{MISTAKES_FILE}"))
    except (CommandFailed, ValidationError):
        return  # the training was a success
    pairs = Counter((mistake.true, mistake.predicted) for mistake in found.mistakes).most_common(PAIRS_SHOWN)
    confused = "".join(f"\n  {n:,} x {true} taken for {predicted}" for (true, predicted), n in pairs)
    console.print(
        f"{found.total:,} mistakes on {found.pictures:,} test pictures{':' if confused else ''}{escape(confused)}",
        highlight=False,
    )
    if confused:
        console.print(f"Their pictures: {client.url}{files}/{MISTAKES_PICTURE}", soft_wrap=True, highlight=False)
    console.print(
        f"Classify: curl {client.url}/models/{model.name}/predict -F file=@picture.jpg", soft_wrap=True, highlight=False
    )


def show_doubtful_labels(client: Client, model: PublishedModel, console: Console) -> None:
    """Say how many training pictures look like another class, if they were looked for."""
    try:
        files = f"/models/{model.name}/versions/{model.version}/files"
        found = DoubtfulLabels.model_validate_json(client.download(f"{files}/{DOUBTFUL_FILE}"))
    except (CommandFailed, ValidationError):
        return
    console.print(f"{found.total:,} of {found.pictures:,} training pictures look like another class", highlight=False)
    if found.total:
        console.print(f"Their pictures: {client.url}{files}/{DOUBTFUL_PICTURE}", soft_wrap=True, highlight=False)


def curves_path(model: PublishedModel) -> str:
    """The path of a version's curves picture on a server."""
    return f"/models/{model.name}/versions/{model.version}/files/{CURVES_PICTURE}"


def _leave(client: Client, job: JobRecord, console: Console, cancel: bool) -> None:
    if cancel:
        client.post(f"/jobs/{job.id}/cancel")
        console.print(f"Job {job.id} is being cancelled.")
    else:
        console.print(f"Job {job.id} continues. Cancel it with: convserve jobs {job.id} --cancel")
    raise Stopped(signal.SIGINT)


def _read_architecture(path: Path) -> object:
    try:
        return json.loads(read_file(path))
    except ValueError as error:
        raise CommandFailed(f"{path} is not JSON: {error}") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise CommandFailed(
            f"--validation must be a share such as 0.1, `test` or `validation`; got {text!r}"
        ) from error
