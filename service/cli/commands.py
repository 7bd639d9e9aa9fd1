"""The command line: every subcommand, its options and its help. Each is implemented in the module of its name."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.backup_commands import BACKUP_EXAMPLES, backup, restore
from service.cli.bulk_command import BULK_EXAMPLES, bulk
from service.cli.dataset_commands import datasets_app
from service.cli.diagnosis_commands import doctor, report
from service.cli.export_command import export
from service.cli.feedback_commands import feedback_app
from service.cli.import_command import IMPORT_EXAMPLES, import_
from service.cli.inside_commands import explain, look
from service.cli.job_commands import cancel, finish, follow, forget, log
from service.cli.key_commands import keys_app
from service.cli.model_commands import alias, delete, download
from service.cli.options import AsJson, DataDir, Url
from service.cli.train_command import TRAIN_EXAMPLES, train

SERVING = "Serve"
USING = "Use a running server"
EXAMPLES = """\
[bold]Examples[/bold]

  convserve demo                            see everything work, in under a minute

  convserve up                              run everything on this machine

  convserve train ./my-photos               photos in class folders: a classifier in about a minute

  convserve train cnn cifar10 --epochs 10   train a network and watch

  convserve predict shoe.png shirt.jpg      classify pictures with the newest model
"""

app = typer.Typer(
    name="convserve",
    help="Train small convolutional image classifiers over HTTP, and serve them.",
    epilog=EXAMPLES,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Host = Annotated[
    str | None,
    typer.Option(help="Address to listen on; default: $CONVSERVE_HOST, or only this machine."),
]
Port = Annotated[
    int | None, typer.Option(help="Port to listen on; 0 chooses a free one; default: $CONVSERVE_PORT, or 8000.")
]
Workers = Annotated[
    int | None,
    typer.Option(help="Number of API processes that share the port and the cores; default: $CONVSERVE_API_WORKERS."),
]


def _version(wanted: bool) -> None:
    if wanted:
        from service import __version__

        typer.echo(f"convserve {__version__}")
        raise typer.Exit


@app.callback()
def _convserve(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


@app.command(rich_help_panel=SERVING)
def up(host: Host = None, port: Port = None, data_dir: DataDir = None, workers: Workers = None) -> None:
    """Run everything on this machine: API, worker and a private Valkey server.

    If $CONVSERVE_REDIS_URL is set, that server is used instead of a private one. Ctrl-C stops everything in order.
    """
    from service.cli.signals import ending_at_once

    with ending_at_once():
        from service.cli.environment import read_settings, refuse_traces_without_packages
        from service.cli.up import run_up
        from service.settings import ApiSettings
        from worker.settings import use_umask

    settings = read_settings(ApiSettings, host=host, port=port, data_dir=data_dir, api_workers=workers)
    refuse_traces_without_packages(settings)
    use_umask(settings)
    run_up(settings)


@app.command(rich_help_panel=SERVING)
def api(
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run only the API. Predictions need nothing else; jobs also need Redis and a worker."""
    from service.cli.signals import ending_at_once

    with ending_at_once():
        from service.cli.environment import read_settings, refuse_traces_without_packages
        from service.cli.listening import adopt, listen, with_keys_where_needed
        from service.inference.c_memory import bound_heap
        from service.settings import ApiSettings
        from worker.settings import use_umask

    settings = read_settings(ApiSettings, host=host, port=port, api_workers=workers)
    refuse_traces_without_packages(settings)
    use_umask(settings)
    listener = listen(settings.host, settings.port) if fd is None else adopt(fd)
    settings = with_keys_where_needed(listener, settings)
    if settings.api_workers > 1:
        from service.cli.api_workers import run_api_workers

        run_api_workers(settings, listener)
        return
    bound_heap()
    # Imported only now: the imports take a while, and a port in use has already been reported.
    with ending_at_once():
        from service.cli.api import run_api

    run_api(settings, listener)


@app.command(rich_help_panel=SERVING)
def worker() -> None:
    """Run only one worker: it takes jobs from Redis and trains, one job at a time.

    Start one worker per GPU, on any machine that can reach the same $CONVSERVE_REDIS_URL and $CONVSERVE_STORE_URL.
    """
    from service.cli.signals import ending_at_once

    with ending_at_once():
        from service.cli.environment import read_settings, refuse_traces_without_packages
        from service.cli.worker import run_worker
        from worker.settings import WorkerSettings

    refuse_traces_without_packages(read_settings(WorkerSettings))
    run_worker()


app.command("train", rich_help_panel=USING, epilog=TRAIN_EXAMPLES)(train)
app.command("export", rich_help_panel=USING)(export)
app.command(rich_help_panel=USING, epilog=BULK_EXAMPLES)(bulk)
app.command("import", rich_help_panel=USING, epilog=IMPORT_EXAMPLES)(import_)


@app.command(rich_help_panel=USING)
def compare(
    jobs: Annotated[list[str] | None, typer.Argument(metavar="[ID…]", help="IDs of the jobs to compare.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Compare all jobs of this group instead, or also; repeatable.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write accuracy and loss curves to this .png or .svg file.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Compare jobs, and say whether they differ by more than chance."""
    from service.cli.comparison import run_compare
    from service.cli.server import connect

    with connect(url) as client:
        run_compare(client, jobs or (), group or (), picture, as_json)


@app.command(rich_help_panel=USING)
def predict(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Pictures: JPEG, PNG, WebP or BMP.")],
    model: Annotated[
        str | None, typer.Option(help="Name of the model; default: the most recently published one.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Version of the --model; default: the newest.")] = None,
    alias: Annotated[str | None, typer.Option(help="Alias of the --model, instead of a version.")] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Number of classes to show per picture.")] = 3,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Classify pictures."""
    from service.cli.predict import prediction_path, run_predict
    from service.cli.server import connect

    path = prediction_path(model, version, alias)
    with connect(url) as client:
        run_predict(client, path, files, top_k, as_json)


@app.command(rich_help_panel=USING)
def jobs(
    job: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show this job instead of the list.")] = None,
    state: Annotated[str | None, typer.Option(help="List only jobs in this state.")] = None,
    is_cancelled: Annotated[bool, typer.Option("--cancel", help="Cancel the job with this ID.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List training jobs, show one job, or cancel it."""
    from service.cli.job_list import cancel_job, list_jobs, show_job
    from service.cli.server import connect

    if is_cancelled and job is None:
        raise typer.BadParameter("expected the ID of a job to cancel", param_hint="--cancel")
    with connect(url) as client:
        if job is None:
            list_jobs(client, state, as_json)
        elif is_cancelled:
            cancel_job(client, job)
        else:
            show_job(client, job, as_json)


@app.command(rich_help_panel=USING)
def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the versions of this model instead of the list.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List published models, or the versions of one model."""
    from service.cli.model_list import list_models, show_model
    from service.cli.server import connect

    with connect(url) as client:
        if name is None:
            list_models(client, as_json)
        else:
            show_model(client, name, as_json)


for command in (follow, log, cancel, finish, forget, download, alias, delete):
    app.command(rich_help_panel=USING)(command)
app.command(rich_help_panel=USING)(look)
app.command(rich_help_panel=USING)(explain)
app.command(rich_help_panel=USING)(doctor)
app.command(rich_help_panel=USING)(report)
app.add_typer(datasets_app, rich_help_panel=USING)
app.add_typer(feedback_app, rich_help_panel=USING)
app.add_typer(keys_app, rich_help_panel=SERVING)
app.command(rich_help_panel=SERVING, epilog=BACKUP_EXAMPLES)(backup)
app.command(rich_help_panel=SERVING)(restore)


@app.command(rich_help_panel=SERVING)
def check(as_json: AsJson = False) -> None:
    """Check this machine: settings, disk, store, Redis, clock, GPU; with a fix for everything that is found."""
    from service.cli.checkup.command import run_check

    run_check(as_json=as_json)


@app.command(rich_help_panel=SERVING)
def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Directory for the demo's files.")] = Path("convserve-demo"),
) -> None:
    """Show how it works: start everything, train a network, classify pictures, stop everything."""
    from service.cli.demo import run_demo
    from service.cli.environment import read_settings
    from service.settings import ApiSettings
    from worker.settings import use_umask

    use_umask(read_settings(ApiSettings))
    run_demo(directory)
