"""`convserve train --grid` and `convserve compare`: submits several jobs for one question, and compares jobs."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

from service.cli.client import Client, JsonObject
from service.cli.errors import CommandFailed
from service.cli.files import write_file
from service.cli.tables import new_table, table_console


def grid_of(words: Sequence[str]) -> JsonObject:
    """A grid from words such as `optimizer.learning_rate=0.1,0.01`; values that are not JSON are taken as text."""
    grid: dict[str, list[Any]] = {}
    for word in words:
        path, equals, values = word.partition("=")
        if not equals or not path or not values:
            raise CommandFailed(f"--grid must be a field and its values, such as seed=1,2,3; got {word!r}")
        grid[path] = [_value(text) for text in values.split(",")]
    return grid


def with_fields(request: JsonObject, words: Sequence[str]) -> JsonObject:
    """A request with more fields, from words such as `label_smoothing=0.1` or `optimizer.momentum=0.9`."""
    body = copy.deepcopy(request)
    for word in words:
        path, equals, value = word.partition("=")
        if not equals or not path:
            raise CommandFailed(f"--set must be a field and its value, such as label_smoothing=0.1; got {word!r}")
        *steps, last = path.split(".")
        holder = body
        for step in steps:
            found = holder.get(step)
            # A name is short for an object, as in the request itself.
            holder[step] = {"name": found} if isinstance(found, str) else found if isinstance(found, dict) else {}
            holder = holder[step]
        holder[last] = _value(value)
    return body


def place_of(group: str | None) -> str:
    """Where jobs are submitted: as part of a group, if one is named."""
    return "/jobs" if group is None else f"/groups/{group}/jobs"


def submit_grid(client: Client, request: JsonObject, group: str | None = None, as_json: bool = False) -> None:
    """Queue all combinations, or more jobs of a group, and say how to compare them; their progress is not shown."""
    console = Console()
    found = client.post(place_of(group), request)
    if as_json:
        console.print_json(json.dumps(found))
        return
    console.print(f"Group [bold]{found['id']}[/bold]: {len(found['jobs'])} jobs")
    for job in found["jobs"]:
        varied = ", ".join(f"{path} {value}" for path, value in job["varied"].items())
        console.print(f"  {job['id']}  {escape(varied)}", soft_wrap=True, highlight=False)
    console.print(f"Compare them with: convserve compare --group {found['id']}", soft_wrap=True)


def run_compare(
    client: Client, jobs: Sequence[str], groups: Sequence[str] | None, picture: Path | None, as_json: bool
) -> None:
    """Show the settings, best first, and the verdict."""
    query = {"jobs": ",".join(jobs) or None, "group": list(groups or ()) or None}
    found = client.get("/compare", **query)
    if picture is not None:
        named = httpx.QueryParams({name: value for name, value in query.items() if value})
        drawn = client.download(f"/compare.{'svg' if picture.suffix == '.svg' else 'png'}?{named}")
        write_file(picture, drawn)
    console = table_console()
    if as_json:
        console.print_json(json.dumps(found))
        return
    columns = ("setting", "runs", "test accuracy", "best validation", "seconds", "parameters")
    table = new_table(columns, right=columns[1:])
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
