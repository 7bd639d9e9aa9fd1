"""`convserve datasets`: its subcommands and their options. They are implemented in `service.cli.dataset_list`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import AsJson, Url

Name = Annotated[str, typer.Argument(help="Name of a dataset.")]

datasets_app = typer.Typer(name="datasets", help="List, show, upload, add to, delete datasets.", no_args_is_help=True)


@datasets_app.command("list")
def list_(as_json: AsJson = False, url: Url = None) -> None:
    """List all datasets, built-in and uploaded."""
    from service.cli.dataset_list import list_datasets
    from service.cli.server import connect

    with connect(url) as client:
        list_datasets(client, as_json)


@datasets_app.command()
def show(name: Name, as_json: AsJson = False, url: Url = None) -> None:
    """Show one dataset: its classes, numbers of pictures, and remarks from its conversion."""
    from service.cli.dataset_list import show_dataset
    from service.cli.server import connect

    with connect(url) as client:
        show_dataset(client, name, as_json)


@datasets_app.command(
    epilog="[bold]Example[/bold]\n\n  convserve datasets upload pets.zip --name pets --image-size 64",
)
def upload(
    archive: Annotated[Path, typer.Argument(help="Folder, zip or tar with one folder of pictures per class.")],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    image_size: Annotated[
        str | None, typer.Option(help="Size of the pictures: `64`, or `48x64` for height and width.")
    ] = None,
    colour: Annotated[str | None, typer.Option(help="auto, rgb or greyscale.")] = None,
    test_share: Annotated[
        float | None, typer.Option(help="Share of the pictures for testing, if there are no train/ and test/ folders.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random split.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Code page of names in the archive that are not UTF-8, such as cp932.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Short description of the dataset.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the pictures.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the pictures come from.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Word to find the dataset by; may be repeated.")] = None,
    note: Annotated[str | None, typer.Option(help="A remark.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Upload class folders, as they are or in a zip or tar, and wait until the dataset is ready."""
    from service.cli.dataset_list import upload_dataset
    from service.cli.own_photos import as_archive
    from service.cli.server import connect

    options = {
        "name": name,
        "image_size": image_size,
        "colour": colour,
        "test_share": test_share,
        "seed": seed,
        "encoding": encoding,
        "title": title,
        "licence": licence,
        "source": source,
        "tags": ",".join(tag) if tag else None,
        "note": note,
    }
    with connect(url) as client, as_archive(archive) as packed:
        upload_dataset(client, packed, options, as_json=as_json)


@datasets_app.command(epilog="[bold]Example[/bold]\n\n  convserve datasets add pets ./more-photos")
def add(
    name: Name,
    archive: Annotated[Path, typer.Argument(help="Folder, zip or tar with a folder of pictures for each class.")],
    encoding: Annotated[
        str | None, typer.Option(help="Code page of names in the archive that are not UTF-8, such as cp932.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Add pictures to a dataset, and wait until its new version is ready. Pictures that it has already are left out."""
    from service.cli.dataset_list import add_pictures
    from service.cli.own_photos import as_archive
    from service.cli.server import connect

    with connect(url) as client, as_archive(archive) as packed:
        add_pictures(client, name, packed, {"encoding": encoding}, as_json=as_json)


@datasets_app.command()
def delete(name: Name, as_json: AsJson = False, url: Url = None) -> None:
    """Delete an uploaded dataset, or stop its conversion."""
    from service.cli.dataset_list import delete_dataset
    from service.cli.server import connect

    with connect(url) as client:
        delete_dataset(client, name, as_json)
