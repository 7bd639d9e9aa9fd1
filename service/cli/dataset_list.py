"""`convserve datasets`: lists and shows datasets, uploads pictures as a dataset or adds them to one, deletes."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from service.cli.client import Client, JsonObject
from service.cli.errors import CommandFailed
from service.cli.follow_conversion import follow_conversion
from service.cli.json_lines import print_line
from service.cli.resuming import FROM_BYTES, upload_in_pieces
from service.cli.tables import keep_whole, new_table, table_console


def list_datasets(client: Client, as_json: bool) -> None:
    """Show all datasets, one line each."""
    answer = client.get("/datasets")
    console = table_console()
    if as_json:
        console.print_json(json.dumps(answer))
        return
    numbers = ("classes", "train", "test")
    table = new_table(("dataset", "state", *numbers, "pictures", "licence"), right=numbers, whole=("dataset",))
    keep_whole(table, "dataset", [line["name"] for line in answer["datasets"]])
    for line in answer["datasets"]:
        counts = (f"{len(line['classes']):,}", f"{line['train']:,}", f"{line['test']:,}")
        table.add_row(line["name"], line["state"], *counts, _shape(line), escape(line["licence"]))
    console.print(table)


def show_dataset(client: Client, name: str, as_json: bool) -> None:
    """Show one dataset: one line per class, and the remarks of its conversion."""
    dataset = client.get(f"/datasets/{name}")
    console = table_console()
    if as_json:
        console.print_json(json.dumps(dataset))
        return
    title = f"{dataset['name']} {dataset['title']}".strip()
    console.print(escape(f"{title}: {dataset['state']}, {_shape(dataset)}"), highlight=False, soft_wrap=True)
    table = new_table(("class", "train", "test"), right=("train", "test"))
    for line in dataset["classes"]:
        table.add_row(escape(line["label"]), f"{line['train']:,}", f"{line['test']:,}")
    console.print(table)
    versions = dataset.get("versions", [])
    if len(versions) > 1:
        grown = ", ".join(f"{one['version']}: {one['train']:,} + {one['test']:,}" for one in versions)
        console.print(f"Versions (training + test pictures): {grown}", highlight=False)
    if dataset["error"]:
        console.print(f"[red]{escape(dataset['error']['message'])}[/red]")
    for remark in _remarks(dataset["report"] or {}):
        console.print(escape(remark))


def upload_dataset(
    client: Client,
    archive: Path,
    options: Mapping[str, object],
    sleep: Callable[[float], None] = time.sleep,
    *,
    as_json: bool = False,
) -> None:
    """Send an archive, show the progress of its conversion until it ends, and then the dataset.

    Raises:
        CommandFailed: the file cannot be read, the server refuses it, or the conversion fails.
    """
    show_when_ready(client, sent_archive(client, archive, options), sleep, as_json=as_json)


def show_when_ready(
    client: Client, dataset: JsonObject, sleep: Callable[[float], None] = time.sleep, *, as_json: bool = False
) -> None:
    """Show the progress of a new dataset until it is there, and then the dataset. Raises like `await_dataset`."""
    await_dataset(client, dataset, sleep, as_json=as_json)
    show_dataset(client, str(dataset["name"]), as_json=as_json)


def await_dataset(
    client: Client, dataset: JsonObject, sleep: Callable[[float], None] = time.sleep, *, as_json: bool = False
) -> None:
    """Show the progress of a new dataset until it is there; as JSON, leave the standard output to the answer.

    Raises:
        CommandFailed: the conversion fails.
    """
    dataset = follow_conversion(client, dataset, lambda answer: answer, sleep, as_json=as_json)
    if dataset["state"] == "failed":
        for remark in _remarks(dataset["report"] or {}):
            Console(stderr=as_json).print(escape(remark))
        raise CommandFailed(f"the conversion failed: {dataset['error']['message']}", dataset["error"]["hint"])


def add_pictures(
    client: Client,
    name: str,
    archive: Path,
    options: Mapping[str, object],
    sleep: Callable[[float], None] = time.sleep,
    *,
    as_json: bool = False,
) -> None:
    """Send an archive whose pictures become a new version of a dataset, and wait until it is there.

    Raises:
        CommandFailed: the file cannot be read, the server refuses it, or the conversion fails.
    """
    await_version(client, name, sent_archive(client, archive, options, add_to=name), sleep, as_json=as_json)


def await_version(
    client: Client,
    name: str,
    dataset: JsonObject,
    sleep: Callable[[float], None] = time.sleep,
    *,
    as_json: bool = False,
) -> None:
    """Wait until the pictures that are being added to a dataset are there, and show it.

    Raises:
        CommandFailed: they could not be added.
    """
    before = dataset["versions"][-1]
    wanted = dataset["addition"]["version"] if dataset["addition"] else before["version"]
    dataset = follow_conversion(client, dataset, lambda answer: answer["addition"], sleep, as_json=as_json)
    failed = dataset["addition"]
    if failed and failed["version"] == wanted:
        for remark in _remarks(failed["report"] or {}):
            Console(stderr=as_json).print(escape(remark))
        raise CommandFailed(f"the pictures were not added: {failed['error']['message']}", failed["error"]["hint"])
    show_dataset(client, name, as_json=as_json)


def sent_archive(client: Client, archive: Path, options: Mapping[str, object], add_to: str | None = None) -> JsonObject:
    """Send an archive, a large one in pieces, for a new dataset or to add to one, and return the dataset.

    Raises:
        CommandFailed: the file cannot be read, or the server refuses it.
    """
    try:
        if archive.stat().st_size >= FROM_BYTES:
            return upload_in_pieces(client, archive, options if add_to is None else {**options, "add_to": add_to})
        path = "/datasets" if add_to is None else f"/datasets/{add_to}/pictures"
        return client.upload(path, archive, "application/zip", options)
    except OSError as error:
        raise CommandFailed(f"cannot read {archive}: {error.strerror}") from error


def delete_dataset(client: Client, name: str, as_json: bool = False) -> None:
    """Delete a dataset, and show how many bytes that freed."""
    answer = client.delete(f"/datasets/{name}")
    if as_json:
        print_line(answer)
    else:
        Console().print(f"{name} deleted, {answer['freed_bytes'] / 1e6:.1f} MB freed")


def _shape(dataset: JsonObject) -> str:
    if not dataset["image_shape"]:
        return ""
    height, width, channels = dataset["image_shape"]
    return f"{height} x {width} {'grey' if channels == 1 else 'colour'}"


def _remarks(report: JsonObject) -> list[str]:
    """What the user should know, one line each."""
    if not report:
        return []
    remarks = [remark for remark in (report.get("layout"), *report.get("warnings", ())) if remark]
    if report.get("validation"):
        remarks.append(f"{report['validation']:,} pictures are for validation")
    remarks += [f"{n:,} files skipped: {reason.replace('_', ' ')}" for reason, n in report["skipped"].items()]
    repeated = report["duplicates"]
    for count, meaning in (
        ("across_splits", "test pictures are also training pictures"),
        ("across_classes", "pictures are in more than one class"),
    ):
        if repeated[count]:
            remarks.append(f"{repeated[count]:,} {meaning}")
    for key, meaning in (
        ("small_classes", "few training pictures"),
        ("missing_in_train", "no training pictures"),
        ("missing_in_test", "no test pictures"),
        ("dropped_classes", "no usable pictures"),
    ):
        if report[key]:
            remarks.append(f"{meaning}: {', '.join(report[key][:10])}")
    return remarks
