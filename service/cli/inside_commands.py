"""`convserve look` and `convserve explain`: pictures of what a network makes of a picture, written to files."""

# Heavy imports happen inside the commands: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import Url

Picture = Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture: JPEG, PNG, WebP or BMP.")]
Model = Annotated[str | None, typer.Option(help="Name of the model; default: the most recently published one.")]
Version = Annotated[int | None, typer.Option(help="Version of the --model; default: the newest.")]
Alias = Annotated[str | None, typer.Option(help="Alias of the --model, instead of a version.")]

Numbers = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON instead of drawing.")]


def look(
    picture: Picture,
    layer: Annotated[str | None, typer.Option(help="Only this layer, with all its channels.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="PNG file to write; default: PICTURE with -look.png.")
    ] = None,
    model: Model = None,
    version: Version = None,
    alias: Alias = None,
    as_json: Numbers = False,
    url: Url = None,
) -> None:
    """Draw what every layer of a network makes of a picture."""
    from service.cli.drawings import draw, print_numbers
    from service.cli.server import connect

    with connect(url) as client:
        if as_json:
            print_numbers(client, "maps", picture, (model, version, alias), layer=layer)
        else:
            draw(client, "maps", picture, out, "look", (model, version, alias), layer=layer)


def explain(
    picture: Picture,
    method: Annotated[
        str | None, typer.Option(help="occlusion or gradcam; default: occlusion, unless that would take long.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Class to explain; default: the network's answer.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer at which Grad-CAM looks; default: the last one.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="PNG file to write; default: PICTURE with -why.png.")
    ] = None,
    model: Model = None,
    version: Version = None,
    alias: Alias = None,
    as_json: Numbers = False,
    url: Url = None,
) -> None:
    """Draw where in a picture the evidence for the answer is."""
    from service.cli.drawings import draw, print_numbers
    from service.cli.server import connect

    with connect(url) as client:
        asked = {"method": method, "label": label, "layer": layer}
        if as_json:
            print_numbers(client, "explain", picture, (model, version, alias), **asked)
        else:
            draw(client, "explain", picture, out, "why", (model, version, alias), **asked)
