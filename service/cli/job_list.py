"""`convserve jobs`: lists jobs, shows one in full, and cancels one."""

import json
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli.client import Client
from service.cli.progress_view import describe, duration, figures
from service.cli.tables import keep_whole, new_table, table_console
from worker.comparison.run_metrics import seconds_of
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState

COLOURS = {
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "yellow",
    JobState.RUNNING: "cyan",
    JobState.QUEUED: "white",
}


def list_jobs(client: Client, state: str | None, as_json: bool) -> None:
    """Show the newest jobs."""
    page = client.get("/jobs", state=state)
    console = table_console()
    if as_json:
        console.print_json(json.dumps(page))
        return
    columns = ("job", "state", "architecture", "dataset", "epochs", "test accuracy", "submitted")
    table = new_table(columns, right=("epochs", "test accuracy"), whole=("job",))
    jobs = [JobRecord.model_validate(job) for job in page["jobs"]]
    keep_whole(table, "job", [job.id for job in jobs])
    for job in jobs:
        table.add_row(*_row(job))
    console.print(table if jobs else "No jobs. Submit one with `convserve train`.")
    if page["total"] > len(jobs):
        console.print(f"These are the newest {len(jobs)} of {page['total']} jobs.")


def show_job(client: Client, job_id: str, as_json: bool) -> None:
    """Show one job in full."""
    answer = client.get(f"/jobs/{job_id}")
    console = Console()
    if as_json:
        console.print_json(json.dumps(answer))
        return
    job = JobRecord.model_validate(answer)
    table = Table(show_header=False, box=None)
    for name, value in _facts(job).items():
        table.add_row(f"[bold]{name}[/bold]", escape(value))
    console.print(table)


def cancel_job(client: Client, job_id: str) -> None:
    """Cancel a job and say what happened."""
    job = JobRecord.model_validate(client.post(f"/jobs/{job_id}/cancel"))
    if job.state is JobState.CANCELLED:
        Console().print(f"Job {job.id} is cancelled.")
    elif job.is_finished:
        Console().print(f"Job {job.id} had already ended: {job.state}.")
    elif job.cancel_requested:
        Console().print(f"Job {job.id} is being cancelled.")
    else:
        Console().print(f"Job {job.id} is publishing its model and can no longer be cancelled.")


def _row(job: JobRecord) -> tuple[str, ...]:
    return (
        job.id,
        f"[{COLOURS[job.state]}]{job.state}[/]",
        job.request.architecture_name,
        job.request.dataset,
        f"{len(job.history.loss)}/{job.request.epochs}",
        _accuracy(job),
        _local(job.created_at),
    )


def _facts(job: JobRecord) -> dict[str, str]:
    facts = {
        "job": job.id,
        "state": str(job.state),
        "training": _training(job.request),
        "submitted": _local(job.created_at),
    }
    if not job.is_finished:
        facts["now"] = f"{describe(job)}  {figures(job.progress)}".strip()
    if (seconds := seconds_of(job)) is not None:
        facts["took"] = duration(seconds)
    if job.history.val_accuracy:
        facts["last epoch"] = (
            f"accuracy {job.history.accuracy[-1]:.4f}, validation accuracy {job.history.val_accuracy[-1]:.4f}"
        )
    if job.model:
        facts["model"] = f"{job.model.name}, version {job.model.version}"
    if accuracy := _accuracy(job):
        facts["test accuracy"] = accuracy
    if job.error:
        facts["error"] = f"{job.error.message} ({job.error.code})"
        facts |= {"hint": job.error.hint} if job.error.hint else {}
    return facts


def _training(plan: TrainingPlan) -> str:
    if plan.imported is not None:
        return f"import of a {plan.imported.format} file of {plan.imported.size_bytes / 1e6:.1f} MB"
    if plan.export is not None:
        return f"export of {plan.export.version} to {plan.export.format}"
    if plan.predictions is not None:
        return f"predictions of {plan.predictions.version} for a {plan.predictions.source} of pictures"
    optimizer = plan.optimizer.model_dump(exclude_none=True)
    return (
        f"{plan.architecture_name} on {plan.dataset}, {plan.epochs} epochs, batches of {plan.batch_size}, "
        f"{', '.join(f'{name} {value}' for name, value in optimizer.items())}"
    )


def _accuracy(job: JobRecord) -> str:
    """On the test pictures; empty while there is none, and for an import that was not tested."""
    return f"{job.model.test_accuracy:.4f}" if job.model and job.model.test_accuracy is not None else ""


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
