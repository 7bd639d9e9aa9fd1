"""`convserve follow`, `log`, `cancel`, `finish`, `forget`: what jobs go through, in `service.cli.job_actions`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from service.cli.options import Url

Job = Annotated[str, typer.Argument(metavar="ID", help="ID of the job.")]
Jobs = Annotated[list[str], typer.Argument(metavar="ID…", help="IDs of the jobs.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def follow(job: Job, as_json: AsJson = False, url: Url = None) -> None:
    """Show the progress of a job until it ends; with --json, one line for every change of its record.

    The exit code is 1 when it does not succeed. Ctrl-C leaves the job running.
    """
    from service.cli.job_actions import follow_job
    from service.cli.server import connect

    with connect(url) as client:
        follow_job(client, job, as_json)


def log(job: Job, as_json: AsJson = False, url: Url = None) -> None:
    """Print the log of a job."""
    from service.cli.job_actions import print_log
    from service.cli.server import connect

    with connect(url) as client:
        print_log(client, job, as_json)


def cancel(jobs: Jobs, as_json: AsJson = False, url: Url = None) -> None:
    """Cancel jobs: queued ones at once, running ones within seconds."""
    from service.cli.job_actions import cancel_jobs
    from service.cli.server import connect

    with connect(url) as client:
        cancel_jobs(client, jobs, as_json)


def finish(jobs: Jobs, as_json: AsJson = False, url: Url = None) -> None:
    """Let running jobs stop after the epoch that they are in, and publish what they have learned."""
    from service.cli.job_actions import finish_jobs
    from service.cli.server import connect

    with connect(url) as client:
        finish_jobs(client, jobs, as_json)


def forget(jobs: Jobs, as_json: AsJson = False, url: Url = None) -> None:
    """Delete the records and logs of finished jobs; the models they published stay."""
    from service.cli.job_actions import forget_jobs
    from service.cli.server import connect

    with connect(url) as client:
        forget_jobs(client, jobs, as_json)
