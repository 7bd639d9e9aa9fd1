"""`convserve doctor` and `convserve report`."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import AsJson, Url

Version = Annotated[
    str,
    typer.Argument(metavar="VERSION", help="A version, as name/version or name@alias; name alone is its latest one."),
]


def doctor(
    version: Version,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show what is wrong with the run that made a version, and what to try."""
    from service.cli.diagnosis import show_diagnosis
    from service.cli.server import connect

    with connect(url) as client:
        show_diagnosis(client, version, as_json)


def report(
    version: Version,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; default: VERSION with -report.html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the name of the file as JSON.")] = False,
    url: Url = None,
) -> None:
    """Save everything about a version in one HTML file that opens without a server."""
    from service.cli.diagnosis import save_report
    from service.cli.server import connect

    with connect(url) as client:
        save_report(client, version, out, as_json)
