"""`convserve export`: its arguments and options. `service.cli.exporting` implements it."""

# Heavy imports happen inside the command: see the package's docstring.
# ruff: noqa: PLC0415

from typing import Annotated

import typer

from service.cli.model_commands import Version
from service.cli.options import Url


def export(
    version: Version,
    export_format: Annotated[str, typer.Option("--format", help="litert, saved_model or openvino.")],
    follow: Annotated[bool, typer.Option(help="Show the progress until the job ends.")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the job as JSON, a line for every change while it is followed.")
    ] = False,
    url: Url = None,
) -> None:
    """Export a version to another format, tested by that format's own runtime."""
    from service.cli.exporting import run_export
    from service.cli.server import connect

    with connect(url) as client:
        run_export(client, version, export_format, follow=follow, as_json=as_json)
