"""`convserve models`: lists the published models, and the versions of one model."""

import json
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from service.cli.client import Client, JsonObject
from service.cli.tables import keep_whole, new_table, table_console


def list_models(client: Client, as_json: bool) -> None:
    """Show all models, each with its newest version."""
    answer = _all_models(client)
    console = table_console()
    if as_json:
        console.print_json(json.dumps(answer))
        return
    numbers = ("versions", "latest", "test accuracy", "parameters")
    table = new_table(("model", *numbers, "aliases"), right=numbers, whole=("model",))
    keep_whole(table, "model", [model["name"] for model in answer["models"]])
    for model in answer["models"]:
        newest = next((line for line in model["versions"] if line["version"] == model["latest"]), None)
        table.add_row(
            model["name"],
            str(len(model["versions"])),
            "" if newest is None else str(newest["version"]),
            "" if newest is None else _accuracy(newest),
            "" if newest is None else f"{newest['parameters']:,}",
            ", ".join(f"{alias} → {version}" for alias, version in sorted(model["aliases"].items())),
        )
    console.print(table if answer["models"] else "No models yet. Train one with `convserve train`.")


def _all_models(client: Client) -> JsonObject:
    """The answer with the models of all pages."""
    answer = page = client.get("/models")
    while page.get("next"):
        path = urlsplit(page["next"])
        page = client.get(path.path, **dict(parse_qsl(path.query)))
        answer["models"] += page["models"]
    return answer | ({"next": None} if "next" in answer else {})


def show_model(client: Client, name: str, as_json: bool) -> None:
    """Show the versions of one model, newest first."""
    model = client.get(f"/models/{name}")
    console = table_console()
    if as_json:
        console.print_json(json.dumps(model))
        return
    numbers = ("version", "test accuracy", "parameters", "size")
    columns = (*numbers, "dataset", "job", "aliases", "published")
    table = new_table(columns, right=numbers, whole=("job",), title=model["name"])
    keep_whole(table, "job", [line["job"] for line in model["versions"]])
    for line in reversed(model["versions"]):
        table.add_row(
            str(line["version"]),
            _accuracy(line),
            f"{line['parameters']:,}",
            f"{line['size_bytes'] / 1e6:.1f} MB",
            line["dataset"],
            line["job"],
            ", ".join(line["aliases"]),
            datetime.fromisoformat(line["published_at"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        )
    console.print(table)
    for line in model["versions"]:
        if line.get("passed_over"):
            console.print(
                f"[red]Version {line['version']} does not answer by default:[/red] {line['passed_over']}, see "
                f"`convserve doctor {model['name']}/{line['version']}`",
                soft_wrap=True,
            )
    if model["damaged"]:
        console.print(f"[red]Damaged, not served:[/red] {', '.join(map(str, model['damaged']))}")


def _accuracy(line: JsonObject) -> str:
    accuracy = line["metrics"].get("test_accuracy")
    return "" if accuracy is None else f"{accuracy:.4f}"
