"""`convserve feedback`: its subcommands and their options. They are implemented in `service.cli.feedback_actions`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import AsJson, Url

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
Asked = Annotated[
    str, typer.Argument(metavar="MODEL[/VERSION]", help="The model that answered, such as shirts/3 or shirts@best.")
]

feedback_app = typer.Typer(
    name="feedback", help="Say what should have been answered, and train on it.", no_args_is_help=True
)


@feedback_app.command(epilog="[bold]Example[/bold]\n\n  convserve feedback send shirts/3 boot.png --label Sandal")
def send(
    model: Asked,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Pictures: JPEG, PNG, WebP or BMP.")],
    label: Annotated[str, typer.Option(help="The right label of these pictures.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Send pictures back with their right label."""
    from service.cli.feedback_actions import send_feedback
    from service.cli.server import connect

    with connect(url) as client:
        send_feedback(client, model, files, label, as_json=as_json)


@feedback_app.command("list")
def list_(model: Asked, as_json: AsJson = False, url: Url = None) -> None:
    """Show the newest feedback on a model, and how often each version was right."""
    from service.cli.feedback_actions import list_feedback
    from service.cli.server import connect

    with connect(url) as client:
        list_feedback(client, model, as_json=as_json)


@feedback_app.command(epilog="[bold]Example[/bold]\n\n  convserve feedback collect shirts")
def collect(
    model: Model,
    dataset: Annotated[
        str | None, typer.Option(help="Dataset that gets the pictures; default: the model's own, or MODEL-feedback.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a version of a dataset of the feedback that waits, and wait until it is ready."""
    from service.cli.feedback_actions import collect
    from service.cli.server import connect

    with connect(url) as client:
        collect(client, model, dataset, as_json=as_json)


@feedback_app.command()
def delete(
    model: Model,
    is_collected: Annotated[
        bool, typer.Option("--collected", help="Only feedback that is part of a dataset already.")
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Delete the feedback on a model."""
    from service.cli.feedback_actions import delete_feedback
    from service.cli.server import connect

    with connect(url) as client:
        delete_feedback(client, model, is_collected=is_collected, as_json=as_json)
