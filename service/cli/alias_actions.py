"""Aliases for the command line: where they point, their canaries and shadows, and how the versions compare."""

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console

from service.cli.client import Client
from service.cli.json_lines import print_line
from service.cli.tables import new_table, table_console

Part = Mapping[str, float]
"""A version that takes part in the requests of an alias, and its weight."""
NO_PARTS: Mapping[str, Part | None] = {}
ROLES = ("canary", "shadow")
_COLUMNS = ("role", "version", "requests", "errors", "p50 ms", "agrees", "right by feedback")


def weighted(text: str | None, option: str, default: float | None = None) -> Part | None:
    """The version and the share in `4:0.1`; in `4` the default share, if there is one. Raises `BadParameter`."""
    if text is None:
        return None
    version, colon, share = text.partition(":")
    try:
        weight = float(share) if colon or default is None else default
        return {"version": int(version), "weight": weight}
    except ValueError:
        raise typer.BadParameter(
            f"expected a version and a share above 0 and up to 1, such as 4:0.1, got {text!r}", param_hint=option
        ) from None


def show_aliases(client: Client, model: str, name: str | None, as_json: bool) -> None:
    """List where a model's aliases point; of one its history, and how its versions compare."""
    found = client.get(f"/models/{model}/aliases" + (f"/{name}/history" if name else ""))
    if as_json:
        print_line(_with_figures(client, model, name, found))
        return
    if name is None:
        table = new_table(("alias", "version", *ROLES), right=("version",), whole=("alias",))
        for alias, version in sorted(found["aliases"].items()):
            table.add_row(alias, str(version), *_parts(found.get("splits", {}).get(alias, {})))
    else:
        table = new_table(("since", "version", *ROLES), right=("version",))
        for change in found["history"]:
            version = "removed" if change["version"] is None else str(change["version"])
            table.add_row(change["at"], version, *_parts(change))
    table_console().print(table)
    figures = _with_figures(client, model, name, found).get("figures")
    if figures:
        _print_figures(figures)


def change_alias(
    client: Client,
    model: str,
    name: str,
    version: int | None,
    as_json: bool,
    parts: Mapping[str, Part | None] = NO_PARTS,
) -> None:
    """Point an alias at a version, with the parts that others take; None removes it."""
    path, asked = f"/models/{model}/aliases/{name}", {role: part for role, part in parts.items() if part is not None}
    if version is None:
        client.remove(path)
    else:
        client.put(path, {"version": version, **asked})
    if as_json:
        print_line({"model": model, "alias": name, "version": version, **asked})
    else:
        said = "is removed" if version is None else f"points at version {version}"
        others = "".join(f", {role} {shown}" for role, shown in zip(ROLES, _parts(asked), strict=True) if shown)
        Console().print(f"{model}@{name} {said}{others}.", soft_wrap=True, highlight=False)


def _with_figures(client: Client, model: str, name: str | None, found: dict[str, Any]) -> dict[str, Any]:
    """The history of an alias with the figures of its versions, if several take part now."""
    history = found.get("history", ())
    if name is None or not history or not any(role in history[-1] for role in ROLES):
        return found
    return found | {"figures": client.get(f"/models/{model}/aliases/{name}").get("figures")}


def _parts(of: Mapping[str, Any]) -> list[str]:
    """The canary and the shadow as cells of a table."""
    return [f"{of[role]['version']}:{of[role]['weight']:g}" if of.get(role) else "" for role in ROLES]


def _print_figures(figures: dict[str, Any]) -> None:
    table = new_table(_COLUMNS, right=_COLUMNS[1:])
    for role in ("stable", *ROLES):
        if figures.get(role):
            table.add_row(role, *_cells(figures[role]))
    console = table_console()
    console.print(f"\nCounted since {figures['since']}, {figures['scope']}:", highlight=False, soft_wrap=True)
    console.print(table)


def _cells(found: dict[str, Any]) -> list[str]:
    median, feedback = found["latency_p50_ms"], found.get("feedback")
    agreement = found.get("agreement")
    return [
        *(str(found[name]) for name in ("version", "requests", "errors")),
        "" if median is None else f"{median:g}",
        "" if agreement is None else f"{agreement:.1%}",
        f"{feedback['right']} of {feedback['pictures']}" if feedback else "",
    ]
