"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(help="Address of the server; default: $CONVSERVE_URL, or this machine, port $CONVSERVE_PORT or 8000."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the server's response as JSON, for programs.")]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Directory for all data; default: see $CONVSERVE_DATA_DIR."),
]
