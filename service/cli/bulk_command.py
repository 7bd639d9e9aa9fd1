"""`convserve bulk`: its arguments and options. `service.cli.bulk` implements it."""

# Heavy imports happen inside the command: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import AsJson, Url

BULK_EXAMPLES = (
    "[bold]Examples[/bold]\n\n"
    "  convserve bulk shirts/3 ./photos --output answers.csv\n\n"
    "  convserve bulk shirts@best fashion_mnist:test --output - | head"
)


def bulk(
    model: Annotated[
        str, typer.Argument(metavar="MODEL[/VERSION]", help="The version that answers: shirts/3, shirts@best, shirts.")
    ],
    pictures: Annotated[
        str, typer.Argument(help="A folder, a zip or tar of pictures, or DATASET:SPLIT, such as fashion_mnist:test.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write, .csv or .jsonl; `-` writes to the standard output.")
    ] = Path("-"),
    row_format: Annotated[
        str | None, typer.Option("--format", help="csv or jsonl; default: by the file's name, otherwise csv.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, max=100, help="Number of classes that each row names.")] = 5,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Classify many pictures: a job in a worker writes one row for each, as CSV or JSON lines."""
    from service.cli.bulk import run_bulk
    from service.cli.server import connect

    with connect(url) as client:
        run_bulk(client, model, pictures, output, row_format, top_k, as_json=as_json)
