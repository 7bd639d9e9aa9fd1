"""`convserve keys`: its subcommands and their options. They are implemented in `service.cli.key_list`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None, typer.Option(help="Ask this server, with the key in $CONVSERVE_API_KEY, instead of the store itself.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Data directory whose store has the keys; default: see $CONVSERVE_DATA_DIR."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Name = Annotated[str, typer.Argument(help="Whose key it is; what is made with it belongs to this name.")]

keys_app = typer.Typer(
    name="keys",
    help="Make, list and revoke the keys that callers need.",
    no_args_is_help=True,
)


@keys_app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  convserve keys create me --scope admin\n\n"
    "  convserve keys create ada --scope train --expires 30d",
)
def create(
    name: Name,
    scope: Annotated[str, typer.Option(help="predict, read, train or admin; each contains the ones before it.")],
    expires: Annotated[
        str | None, typer.Option(help="When the key ends: 12h, 30d, 8w, or a date; never by default.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(help="A limit of this key, such as jobs=20; repeatable. See $CONVSERVE_QUOTAS."),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    url: Url = None,
) -> None:
    """Make a key and print it. It is shown this once; only its SHA-256 is stored."""
    from service.cli.key_list import create_key, key_source

    create_key(key_source(url, data_dir), name, scope, expires, limit or [], as_json)


@keys_app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None, url: Url = None) -> None:
    """List all keys: their names and scopes, never the keys themselves."""
    from service.cli.key_list import key_source, list_keys

    list_keys(key_source(url, data_dir), as_json)


@keys_app.command()
def revoke(name: Name, as_json: AsJson = False, data_dir: DataDir = None, url: Url = None) -> None:
    """End a key: within two seconds it opens nothing. What was made with it stays."""
    from service.cli.key_list import key_source, revoke_key

    revoke_key(key_source(url, data_dir), name, as_json)
