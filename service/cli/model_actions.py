"""Downloads, aliases and deletions for the command line."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from service.cli.client import Client, ServerRefused
from service.cli.errors import CommandFailed
from service.cli.files import make_directory, write_file
from service.cli.json_lines import print_line
from service.models.mlflow_model import MLMODEL_FILE
from service.models.model_card import CARD_FILE

STDOUT = Path("-")
NOT_FOUND = 404
MADE = (CARD_FILE, MLMODEL_FILE)
"""Files that are made when they are asked for."""


def version_path(named: str) -> str:
    """The address of `model` or `model/version`."""
    model, slash, version = named.partition("/")
    if slash and not version.isdecimal():
        raise CommandFailed(f"expected a version such as {model}/3, got {named!r}")
    return f"/models/{model}/versions/{version}" if slash else f"/models/{model}"


def download_files(client: Client, named: str, files: Sequence[str], out: Path, as_json: bool) -> None:
    """Write files of a version to a directory, or one to the standard output."""
    if "/" not in named:
        raise CommandFailed(f"expected a version such as {named}/1, got {named!r}")
    path = version_path(named)
    wanted = files or _all_files(client, path)
    if out == STDOUT:
        if len(wanted) != 1:
            raise CommandFailed(f"--out - prints one file; got {len(wanted)}")
        sys.stdout.buffer.write(client.download(_address(path, wanted[0])))
        sys.stdout.buffer.flush()
        return
    make_directory(out)
    for file in wanted:
        data = client.download(_address(path, file))
        target = out / Path(file).name
        write_file(target, data)
        if as_json:
            print_line({"file": str(target), "size_bytes": len(data)})
        else:
            Console().print(f"{target}  {len(data):,} bytes", soft_wrap=True, highlight=False)


def _all_files(client: Client, path: str) -> list[str]:
    """The files of a version, those that it was exported to, and those that describe it."""
    own = client.get(path)["files"]
    try:
        exported = client.get(f"{path}/exports")["exports"]
    except ServerRefused as error:
        if error.status != NOT_FOUND:
            raise
        return [*own, CARD_FILE]  # of an earlier version
    return [*own, *(each["file"] for each in exported), *MADE]


def _address(path: str, file: str) -> str:
    """Where a file of a version is."""
    return f"{path}/{file}" if file in MADE else f"{path}/files/{file}"


def delete_version(client: Client, named: str, as_json: bool) -> None:
    """Delete a model or a version, and say how much space that gave."""
    freed = client.delete(version_path(named))["freed_bytes"]
    if as_json:
        print_line({"deleted": named, "freed_bytes": freed})
    else:
        Console().print(f"{named} is deleted, {freed / 1e6:.1f} MB freed.", soft_wrap=True, highlight=False)
