"""`convserve train --grid` and `convserve compare`: submits several jobs for one question, and compares jobs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli.client import Client, JsonObject
from service.cli.errors import CommandFailed


def grid_of(words: Sequence[str]) -> JsonObject:
    """A grid from words such as `optimizer.learning_rate=0.1,0.01`; values that are not JSON are taken as text."""
    grid: dict[str, list[Any]] = {}
    for word in words:
        path, equals, values = word.partition("=")
        if not equals or not path or not values:
            raise CommandFailed(f"--grid must be a field and its values, such as seed=1,2,3; got {word!r}")
        grid[path] = [_value(text) for text in values.split(",")]
    return grid


def submit_grid(client: Client, request: JsonObject) -> None:
    """Queue all combinations and say how to compare them; the progress of a grid is not shown."""
    console = Console()
    group = client.post("/jobs", request)
    console.print(f"Group [bold]{group['id']}[/bold]: {len(group['jobs'])} jobs")
    for job in group["jobs"]:
        varied = ", ".join(f"{path} {value}" for path, value in job["varied"].items())
        console.print(f"  {job['id']}  {escape(varied)}", soft_wrap=True, highlight=False)
    console.print(f"Compare them with: convserve compare --group {group['id']}", soft_wrap=True)


def run_compare(client: Client, jobs: Sequence[str], group: str | None, picture: Path | None, as_json: bool) -> None:
    """Show the settings, best first, and the verdict."""
    query = {"jobs": ",".join(jobs) or None, "group": group}
    found = client.get("/compare", **query)
    if picture is not None:
        named = "&".join(f"{name}={value}" for name, value in query.items() if value)
        picture.write_bytes(client.download(f"/compare.{'svg' if picture.suffix == '.svg' else 'png'}?{named}"))
    console = Console()
    if as_json:
        console.print_json(json.dumps(found))
        return
    table = Table()
    for column in ("setting", "runs", "test accuracy", "best validation", "seconds", "parameters"):
        table.add_column(column, justify="left" if column == "setting" else "right")
    for setting in found["settings"]:
        table.add_row(*_row(setting))
    console.print(table)
    console.print(found["verdict"]["text"], highlight=False)
    for command in found["next_commands"]:
        console.print(command, soft_wrap=True, highlight=False, markup=False)


def _row(setting: JsonObject) -> tuple[str, ...]:
    metrics = setting["metrics"]
    return (
        escape(setting["label"]),
        f"{len(setting['seeds'])} of {len(setting['jobs'])}",
        _spread(metrics.get("test_accuracy"), 4),
        _spread(metrics.get("best_val_accuracy"), 4),
        _spread(metrics.get("seconds"), 1),
        "" if setting["parameters"] is None else f"{setting['parameters']:,}",
    )


def _spread(spread: JsonObject | None, digits: int) -> str:
    if spread is None:
        return ""
    deviation = "" if spread["deviation"] is None else f" ± {spread['deviation']:.{digits}f}"
    return f"{spread['mean']:.{digits}f}{deviation}"


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
