"""Follows, cancels and deletes jobs for the command line, and prints their logs."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from service.cli.client import Client, JsonObject
from service.cli.follow import JobFollower
from service.cli.job_list import cancel_job
from service.cli.json_lines import print_line
from service.cli.train import report_end, require_success, watch
from worker.jobs.records import JobRecord


def follow_job(client: Client, job_id: str, as_json: bool) -> None:
    """Show a job until it ends. Raises `CommandFailed` when it does not succeed."""
    job = JobRecord.model_validate(client.get(f"/jobs/{job_id}"))
    if not as_json:
        _show_to_the_end(client, job, Console())
        return
    print_changes(client, job)


def _show_to_the_end(client: Client, job: JobRecord, console: Console) -> None:
    ended = watch(client, job, console)
    require_success(ended)
    if ended.model is None:  # it classified pictures or exported a version
        console.print(f"Job [bold]{ended.id}[/bold] has succeeded.", highlight=False)
    else:
        report_end(ended, console)


def submit_as_json(client: Client, request: JsonObject, follow: bool) -> None:
    """Submit a job and print its record, then every change if it is followed; raises as `follow_job` does."""
    _print_as_json(client, JobRecord.model_validate(client.post("/jobs", request)), follow)


def show_started(client: Client, job: JobRecord, what: str, *, follow: bool, as_json: bool) -> JobRecord | None:
    """Say that a job was started, and show it until it ends.

    Args:
        client: of the server.
        job: as it was submitted.
        what: it does.
        follow: until it ends.
        as_json: print records instead of progress.

    Returns:
        The job when it has ended, and there is more to say about it to people.

    Raises:
        CommandFailed: the records are followed, and the job does not succeed.
    """
    if as_json:
        _print_as_json(client, job, follow)
        return None
    console = Console()
    console.print(f"Job [bold]{job.id}[/bold]: {escape(what)}")
    if follow:
        return watch(client, job, console)
    console.print(f"Show it with: convserve jobs {job.id}")
    return None


def _print_as_json(client: Client, job: JobRecord, follow: bool) -> None:
    if follow:
        print_changes(client, job)
    else:
        print_line(job.model_dump(mode="json"))


def print_changes(client: Client, job: JobRecord) -> None:
    """Print a job's record, then every change of it; raises as `follow_job` does."""
    follower = JobFollower(client, job)
    print_line(job.model_dump(mode="json"))
    for update in follower.updates():
        print_line(update.model_dump(mode="json"))
    require_success(follower.job)


def print_log(client: Client, job_id: str, as_json: bool = False) -> None:
    """Print a job's log as it is, or its lines as JSON."""
    found = client.download(f"/jobs/{job_id}/log")
    if as_json:
        print_line({"job": job_id, "lines": found.decode(errors="replace").splitlines()})
        return
    sys.stdout.buffer.write(found)
    sys.stdout.buffer.flush()


def cancel_jobs(client: Client, jobs: Sequence[str], as_json: bool) -> None:
    """Cancel each, and say what became of it."""
    for job in jobs:
        if as_json:
            print_line(client.post(f"/jobs/{job}/cancel"))
        else:
            cancel_job(client, job)


def finish_jobs(client: Client, jobs: Sequence[str], as_json: bool) -> None:
    """Let each publish what it has learned so far, and say what became of it."""
    for job_id in jobs:
        found = client.post(f"/jobs/{job_id}/finish")
        job = JobRecord.model_validate(found)
        if as_json:
            print_line(found)
        elif job.is_finished:
            Console().print(f"Job {job.id} had already ended: {job.state}.", soft_wrap=True, highlight=False)
        else:
            Console().print(f"Job {job.id} finishes with what it has learned.", soft_wrap=True, highlight=False)


def forget_jobs(client: Client, jobs: Sequence[str], as_json: bool) -> None:
    """Delete each."""
    for job in jobs:
        client.remove(f"/jobs/{job}")
        if as_json:
            print_line({"job": job, "deleted": True})
        else:
            Console().print(f"Job {job} is deleted.", soft_wrap=True, highlight=False)
