"""`convserve download`, `alias` and `delete`: what is done with published models."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.job_commands import AsJson
from service.cli.options import Url

Version = Annotated[str, typer.Argument(metavar="MODEL/VERSION", help="A version, such as shirts/3.")]


def download(
    version: Version,
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE…]", help="Default: all files.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to write to; `-` prints one file.")] = Path(),
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Write files of a version: the network, its history, its pictures."""
    from service.cli.model_actions import download_files
    from service.cli.server import connect

    with connect(url) as client:
        download_files(client, version, files or (), out, as_json)


def alias(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    name: Annotated[str | None, typer.Argument(metavar="[ALIAS]", help="Name of the alias; default: list all.")] = None,
    version: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Point it at this version.")] = None,
    canary: Annotated[
        str | None,
        typer.Option("--canary", metavar="VERSION:SHARE", help="Answers this share of the predictions: `4:0.1`."),
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option("--shadow", metavar="VERSION[:SHARE]", help="Is asked the same, and compared: `4`, `4:0.5`."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias; its history stays.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List a model's aliases, show the history of one, point one at a version, or remove it.

    Without --canary and --shadow an alias has neither from then on: so the same command promotes a canary.
    """
    from service.cli.alias_actions import change_alias, show_aliases, weighted
    from service.cli.server import connect

    if name is None and remove:
        raise typer.BadParameter("expected the name of an alias", param_hint="--remove")
    if remove and version is not None:
        raise typer.BadParameter("expected no version", param_hint="--remove")
    if version is None and (canary or shadow):
        raise typer.BadParameter("expected the version that the alias is to point at", param_hint="VERSION")
    parts = {"canary": weighted(canary, "--canary"), "shadow": weighted(shadow, "--shadow", 1.0)}
    with connect(url) as client:
        if name is None or (version is None and not remove):
            show_aliases(client, model, name, as_json)
        else:
            change_alias(client, model, name, version, as_json, parts)


def delete(
    version: Annotated[str, typer.Argument(metavar="MODEL[/VERSION]", help="A model, or one of its versions.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Delete a model or a version, unless an alias or a job needs it."""
    from service.cli.model_actions import delete_version
    from service.cli.server import connect

    with connect(url) as client:
        delete_version(client, version, as_json)
