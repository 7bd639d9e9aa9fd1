"""`convserve import`: its arguments and options. `service.cli.importing` implements it."""

# Heavy imports happen inside the command: see the package's docstring.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import Url

IMPORT_EXAMPLES = (
    "[bold]Examples[/bold]\n\n"
    "  convserve import boots.keras --classes boot,shoe,sandal\n\n"
    "  convserve import resnet.onnx --preprocessing imagenet --classes labels.txt --dataset my-photos"
)


def import_(
    file: Annotated[Path, typer.Argument(help="A Keras model (.keras) or an ONNX file.")],
    classes: Annotated[
        str | None,
        typer.Option(
            help="Names of the classes in the order of the outputs, separated by commas, or a text file with one on "
            "each line; default: those of --dataset, or numbers."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model to publish; default: the file's name.")] = None,
    preprocessing: Annotated[
        str | None,
        typer.Option(
            help="What the model expects of pixels: auto, unit ([0, 1]), pixels (0 to 255), symmetric ([-1, 1]), "
            "imagenet, caffe, or a JSON object with scale, offset and channels."
        ),
    ] = None,
    outputs: Annotated[
        str | None, typer.Option(help="auto, probabilities or logits: what the model answers with.")
    ] = None,
    image_size: Annotated[
        str | None, typer.Option(help="Size of the pictures, for a model that takes any: `224`, or `48x64`.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="auto, nhwc or nchw: axes of an ONNX file's input.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset on whose test pictures the model is evaluated.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A word to find the job by; repeatable.")] = None,
    note: Annotated[str | None, typer.Option(help="A line about the job.")] = None,
    follow: Annotated[bool, typer.Option(help="Show the progress until the job ends.")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the job as JSON, a line for every change while it is followed.")
    ] = False,
    url: Url = None,
) -> None:
    """Publish a model that was trained elsewhere. Nothing in its file is executed."""
    from service.cli.importing import run_import
    from service.cli.server import connect

    options = {
        "name": name,
        "preprocessing": preprocessing,
        "outputs": outputs,
        "image_size": image_size,
        "layout": layout,
        "dataset": dataset,
        "tags": ",".join(tags) if tags else None,
        "note": note,
    }
    with connect(url) as client:
        run_import(client, file, classes, options, follow=follow, as_json=as_json)
