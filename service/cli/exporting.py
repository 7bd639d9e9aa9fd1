"""`convserve export`: starts the job that exports a version, follows it, and says what it has made."""

from rich.console import Console
from rich.markup import escape

from service.cli.client import Client
from service.cli.errors import CommandFailed
from service.cli.job_actions import print_changes
from service.cli.json_lines import print_line
from service.cli.model_actions import version_path
from service.cli.train import model_of, watch
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
    if as_json:
        print_changes(client, job) if follow else print_line(job.model_dump(mode="json"))
        return
    console = Console()
    console.print(f"Job [bold]{job.id}[/bold]: export of {escape(named)} to {export_format}")
    if not follow:
        console.print(f"Show it with: convserve jobs {job.id}")
        return
    model_of(watch(client, job, console))
    (made,) = (each for each in client.get(path)["exports"] if each["format"] == export_format)
    console.print(
        f"{made['file']}, {made['size_bytes']:,} bytes: accuracy {made['accuracy']:.4f} in {made['runtime']}, "
        f"{made['keras_accuracy']:.4f} in Keras.\nDownload it with: convserve download {named} {made['file']}",
        soft_wrap=True,
        highlight=False,
    )
