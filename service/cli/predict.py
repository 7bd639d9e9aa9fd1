"""`convserve predict`: sends picture files to a server and shows their classes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli.client import Client, JsonObject, ServerRefused
from service.cli.errors import CommandFailed
from service.cli.files import read_file

PICTURES_PER_REQUEST = 32
BYTES_PER_REQUEST = 16 * 1024 * 1024
"""Well below the server's default limits."""

Picture = tuple[str, bytes]


def prediction_path(model: str | None, version: int | None, alias: str | None) -> str:
    """The route of the chosen model version."""
    if version is not None and alias is not None:
        raise CommandFailed("--version and --alias cannot be used together")
    if model is None:
        if version is not None or alias is not None:
            raise CommandFailed("--version and --alias need a model; name it with --model")
        return "/predict"
    if version is not None:
        return f"/models/{model}/versions/{version}/predict"
    return f"/models/{model}/aliases/{alias}/predict" if alias is not None else f"/models/{model}/predict"


def run_predict(client: Client, path: str, files: Sequence[Path], top_k: int, as_json: bool) -> None:
    """Classify the files and show the results, including the pictures that could not be classified.

    Raises:
        CommandFailed: a file could not be read here, or a picture could not be classified.
    """
    answers = [
        ask(client, path, batch, top_k) for batch in in_batches([(file.name, read_file(file)) for file in files])
    ]
    console = Console()
    for answer in answers:
        if as_json:
            console.print_json(json.dumps(answer))
        else:
            show(answer, console)
    faults = sum("error" in prediction for answer in answers for prediction in answer["predictions"])
    if faults:
        raise CommandFailed(f"{faults} of {len(files)} pictures could not be classified")


def ask(client: Client, path: str, pictures: list[Picture], top_k: int) -> JsonObject:
    """Ask the server to classify a few pictures; an error about a single picture names its file."""
    try:
        return client.post_files(path, pictures, top_k=top_k)
    except ServerRefused as refusal:
        if len(pictures) > 1 or not refusal.code.startswith("picture_"):
            raise
        raise ServerRefused(refusal.status, refusal.code, f"{pictures[0][0]}: {refusal.message}") from refusal


def show(answer: JsonObject, console: Console) -> None:
    """Show the results as a table."""
    # The title of a narrow table would be broken into lines.
    console.print(f"{answer['model']}, version {answer['version']}", soft_wrap=True, highlight=False, style="italic")
    table = Table()
    table.add_column("picture", overflow="fold")
    table.add_column("class")
    table.add_column("probability", justify="right")
    for prediction in answer["predictions"]:
        _add_rows(table, prediction)
        table.add_section()
    console.print(table)


def _add_rows(table: Table, prediction: JsonObject) -> None:
    name = escape(str(prediction["filename"]))
    if "error" in prediction:
        table.add_row(name, f"[red]{escape(prediction['error']['message'])}[/red]", "")
        return
    for rank, guess in enumerate(prediction["top_k"]):
        label = f"[bold]{escape(guess['label'])}[/bold]" if rank == 0 else escape(guess["label"])
        table.add_row(name if rank == 0 else "", label, f"{guess['probability']:.4f}")


def in_batches(pictures: Sequence[Picture]) -> Iterator[list[Picture]]:
    """Pictures in groups that a server takes in one request."""
    batch: list[Picture] = []
    size_bytes = 0
    for picture in pictures:
        if batch and (len(batch) == PICTURES_PER_REQUEST or size_bytes + len(picture[1]) > BYTES_PER_REQUEST):
            yield batch
            batch, size_bytes = [], 0
        batch.append(picture)
        size_bytes += len(picture[1])
    if batch:
        yield batch
