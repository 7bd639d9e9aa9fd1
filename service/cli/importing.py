"""`convserve import`: sends a model, follows the job that imports it, and says how it ended."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.files import read_file
from service.cli.job_actions import show_started
from service.cli.train import report_end
from worker.jobs.records import JobRecord


def run_import(
    client: Client, file: Path, classes: str | None, options: Mapping[str, str | None], *, follow: bool, as_json: bool
) -> None:
    """Send a model, and show its job until it ends.

    Args:
        client: of the server.
        file: the model.
        classes: names separated by commas, or the path of a text file with one on each line.
        options: fields of the form; None is left out.
        follow: until the job ends.
        as_json: print records instead of progress.

    Raises:
        CommandFailed: the file cannot be read, the server refuses it, or the job does not succeed.
    """
    fields = {name: value for name, value in options.items() if value is not None}
    if classes is not None:
        fields["classes"] = json.dumps(_names(classes), ensure_ascii=False)
    try:
        job = JobRecord.model_validate(client.upload_form("/models", file, fields))
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from error
    what = f"import of {file.name} as {job.request.model}"
    ended = show_started(client, job, what, follow=follow, as_json=as_json)
    if ended is None:
        return
    console = Console()
    model = report_end(ended, console)
    console.print(
        f"Classify: curl {client.url}/models/{model.name}/predict -F file=@picture.jpg", soft_wrap=True, highlight=False
    )


def _names(classes: str) -> list[str]:
    path = Path(classes)
    if path.suffix == ".txt":
        return [line.strip() for line in read_file(path).decode().splitlines() if line.strip()]
    return [name.strip() for name in classes.split(",")]
