"""`convserve export`: starts the job that exports a version, follows it, and says what it has made."""

from rich.console import Console

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.job_actions import show_started
from service.cli.model_actions import version_path
from service.cli.train import model_of
from worker.jobs.records import JobRecord


def run_export(client: Client, named: str, export_format: str, *, follow: bool, as_json: bool) -> None:
    """Export a version, and show the job until it ends.

    Args:
        client: of the server.
        named: `model/version`.
        export_format: to export to.
        follow: until the job ends.
        as_json: print records instead of progress.

    Raises:
        CommandFailed: the server refuses, or the job does not succeed.
    """
    if "/" not in named:
        raise CommandFailed(f"expected a version such as {named}/1, got {named!r}")
    path = f"{version_path(named)}/exports"
    job = JobRecord.model_validate(client.post(path, {"format": export_format}))
    ended = show_started(client, job, f"export of {named} to {export_format}", follow=follow, as_json=as_json)
    if ended is None:
        return
    model_of(ended)
    (made,) = (each for each in client.get(path)["exports"] if each["format"] == export_format)
    Console().print(
        f"{made['file']}, {made['size_bytes']:,} bytes: accuracy {made['accuracy']:.4f} in {made['runtime']}, "
        f"{made['keras_accuracy']:.4f} in Keras.\nDownload it with: convserve download {named} {made['file']}",
        soft_wrap=True,
        highlight=False,
    )
