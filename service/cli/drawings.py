"""Asks a server for drawings of what is inside a network, and writes them to files."""

from pathlib import Path

from rich.console import Console

from service.cli.client import Client
from service.cli.files import read_file, write_file
from service.cli.json_lines import print_line
from service.cli.predict import prediction_path


def draw(
    client: Client,
    what: str,
    picture: Path,
    out: Path | None,
    suffix: str,
    chosen: tuple[str | None, int | None, str | None],
    **options: str | None,
) -> None:
    """Ask the server for a drawing of a picture and write it to a file.

    Args:
        client: of the server.
        what: the last part of the route.
        picture: the picture's file.
        out: the file to write; None: beside the picture.
        suffix: of that file's name.
        chosen: model, version and alias.
        options: of the route.

    Raises:
        CommandFailed: the picture cannot be read, the file cannot be written, or the server refuses.
    """
    target = out or picture.with_name(f"{picture.stem}-{suffix}.png")
    data = read_file(picture)
    version_path = _version_path(client, chosen, data)
    drawn = client.draw(f"{version_path}/{what}", (picture.name, data), format="png", **options)
    write_file(target, drawn)
    Console().print(f"{target}: {version_path.removeprefix('/models/')}", highlight=False, markup=False, soft_wrap=True)


def print_numbers(
    client: Client, what: str, picture: Path, chosen: tuple[str | None, int | None, str | None], **options: str | None
) -> None:
    """Print the numbers behind a drawing; for the arguments see `draw`."""
    data = read_file(picture)
    print_line(client.post_files(f"{_version_path(client, chosen, data)}/{what}", [(picture.name, data)], **options))


def _version_path(client: Client, chosen: tuple[str | None, int | None, str | None], data: bytes) -> str:
    path = prediction_path(*chosen)
    return path.removesuffix("/predict") if chosen[1:] != (None, None) else _newest(client, path, data)


def _newest(client: Client, path: str, data: bytes) -> str:
    """The address of the version that answers by default."""
    answer = client.post_files(path, [("picture", data)], top_k=1)
    return f"/models/{answer['model']}/versions/{answer['version']}"
