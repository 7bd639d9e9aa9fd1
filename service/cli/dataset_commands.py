"""`convserve datasets`: its subcommands and their options. What each does is in `service.cli.dataset_list`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[str | None, typer.Option(help="The server; default this machine, port $CONVSERVE_PORT.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON, for programs.")]
Name = Annotated[str, typer.Argument(help="Name of a dataset.")]

datasets_app = typer.Typer(
    name="datasets", help="List datasets, look at one, upload your own, delete it.", no_args_is_help=True
)


@datasets_app.command("list")
def list_(as_json: AsJson = False, url: Url = None) -> None:
    """List datasets, built in and uploaded."""
    from service.cli.dataset_list import list_datasets
    from service.cli.server import connect

    with connect(url) as client:
        list_datasets(client, as_json)


@datasets_app.command()
def show(name: Name, as_json: AsJson = False, url: Url = None) -> None:
    """Show one dataset: classes, numbers, and what was noticed when it was uploaded."""
    from service.cli.dataset_list import show_dataset
    from service.cli.server import connect

    with connect(url) as client:
        show_dataset(client, name, as_json)


@datasets_app.command(
    epilog="[bold]Example[/bold]\n\n  convserve datasets upload pets.zip --name pets --image-size 64",
)
def upload(
    archive: Annotated[Path, typer.Argument(help="A zip with a folder of pictures for each class.")],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    image_size: Annotated[str | None, typer.Option(help="`64` or `48x64`, height first.")] = None,
    colour: Annotated[str | None, typer.Option(help="auto, rgb or greyscale.")] = None,
    test_share: Annotated[float | None, typer.Option(help="Share for testing, without train/ and test/.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of that split.")] = None,
    title: Annotated[str | None, typer.Option(help="A line about it.")] = None,
    licence: Annotated[str | None, typer.Option(help="Terms of the pictures.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the pictures come from.")] = None,
    url: Url = None,
) -> None:
    """Upload a zip of class folders, and wait until it is a dataset."""
    from service.cli.dataset_list import upload_dataset
    from service.cli.server import connect

    options = {
        "name": name,
        "image_size": image_size,
        "colour": colour,
        "test_share": test_share,
        "seed": seed,
        "title": title,
        "licence": licence,
        "source": source,
    }
    with connect(url) as client:
        upload_dataset(client, archive, options)


@datasets_app.command()
def delete(name: Name, url: Url = None) -> None:
    """Delete an uploaded dataset, or end its conversion."""
    from service.cli.dataset_list import delete_dataset
    from service.cli.server import connect

    with connect(url) as client:
        delete_dataset(client, name)
