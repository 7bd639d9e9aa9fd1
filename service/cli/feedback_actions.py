"""Feedback for the command line: sends, lists, collects and deletes it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from service.cli.client import Client
from service.cli.dataset_list import await_version, show_when_ready
from service.cli.errors import CommandFailed
from service.cli.files import read_file
from service.cli.json_lines import print_line
from service.cli.predict import in_batches, prediction_path
from service.cli.tables import new_table, table_console


def send_feedback(client: Client, named: str, files: Sequence[Path], label: str, *, as_json: bool) -> None:
    """Send pictures with their right label.

    Raises:
        CommandFailed: a file cannot be read, or the server refuses the pictures.
    """
    path = _path_of(named)
    n_right = 0
    for batch in in_batches([(file.name, read_file(file)) for file in files]):
        answer = client.post_files(path, batch, label=label)
        n_right += sum(item["right"] for item in answer["feedback"])
        if as_json:
            print_line(answer)
    if not as_json:
        version = f"{answer['model']}/{answer['version']}"
        Console().print(f"{len(files)} sent; {version} had the right label for {n_right}", highlight=False)


def list_feedback(client: Client, named: str, *, as_json: bool) -> None:
    """Show the newest feedback, and how often each version was right."""
    answer = client.get(_path_of(named))
    if as_json:
        print_line(answer)
        return
    console = table_console()
    versions = new_table(["version", "pictures", "right"], right=["version", "pictures", "right"])
    for row in answer["versions"]:
        versions.add_row(str(row["version"]), str(row["pictures"]), f"{row['accuracy']:.1%}")
    console.print(versions)
    table = new_table(["id", "version", "label", "answered", "owner", "collected"], right=["version"], whole=["id"])
    for item in answer["feedback"]:
        cells = (item["id"], str(item["version"]), item["label"], item["answered"], item["owner"])
        table.add_row(*cells, item["collected"] or "")
    console.print(table)


def collect(client: Client, model: str, dataset: str | None, *, as_json: bool) -> None:
    """Make a version of a dataset of the feedback, and show the dataset when it is ready."""
    answer = client.post(f"/models/{model}/feedback/collect", {"dataset": dataset})
    name = answer["dataset"]
    if not as_json:
        begun = f", which begins with {answer['grown_from']}" if answer["grown_from"] else ""
        Console().print(f"{answer['pictures']} pictures go into {name}/{answer['version']}{begun}", highlight=False)
    found = client.get(f"/datasets/{name}")
    if answer["version"] > 1:
        await_version(client, name, found, as_json=as_json)
    else:
        show_when_ready(client, found, as_json=as_json)


def delete_feedback(client: Client, model: str, *, is_collected: bool, as_json: bool) -> None:
    """Delete feedback, and show how much."""
    answer = client.delete(f"/models/{model}/feedback{'?state=collected' if is_collected else ''}")
    if as_json:
        print_line(answer)
    else:
        Console().print(f"{answer['deleted']} deleted, {answer['freed_bytes'] / 1e6:.1f} MB freed", highlight=False)


def _path_of(named: str) -> str:
    """The address of the feedback on `model`, `model/version` or `model@alias`."""
    model, slash, version = named.partition("/")
    model, at, alias = model.partition("@")
    if slash and (at or not version.isdecimal()):
        raise CommandFailed(f"expected a version such as {model}/3, got {named!r}")
    path = prediction_path(model, int(version) if slash else None, alias or None)
    return f"{path.removesuffix('/predict')}/feedback"
