"""Shows what the doctor found in a run, and saves the report of a version."""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from service.cli.client import Client, JsonObject
from service.cli.errors import CommandFailed
from service.cli.files import write_file
from service.cli.json_lines import print_line
from worker.jobs.lineage import parse_reference

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def version_path(reference: str) -> str:
    """The address of `name/version`, `name@alias`, or of `name`, whose latest version is meant.

    Raises:
        CommandFailed: the text has none of these forms.
    """
    try:
        named = parse_reference(reference)
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    if named.version is not None:
        return f"/models/{named.model}/versions/{named.version}"
    return f"/models/{named.model}/aliases/{named.alias or 'latest'}"


def show_diagnosis(client: Client, reference: str, as_json: bool) -> None:
    """Show the findings of a version's run, the most severe first, each with a command to try."""
    found = client.get(f"{version_path(reference)}/doctor")
    console = Console()
    if as_json:
        console.print_json(json.dumps(found))
        return
    for finding in found["findings"]:
        _show(console, finding)
    if not found["findings"]:
        console.print("Nothing found.")
    if found["passed_over"]:
        console.print(f"This version does not answer by default, because of {found['passed_over']}.", soft_wrap=True)


def save_report(client: Client, reference: str, out: Path | None, as_json: bool = False) -> None:
    """Write the report of a version to a file.

    Raises:
        CommandFailed: the server refuses, or the file cannot be written.
    """
    page = client.download(f"{version_path(reference)}/report.html")
    target = out or Path(reference.replace("/", "-v").replace("@", "-") + "-report.html")
    write_file(target, page)
    if as_json:
        print_line({"file": str(target)})
        return
    Console().print(str(target), highlight=False, markup=False, soft_wrap=True)


def _show(console: Console, finding: JsonObject) -> None:
    severity = finding["severity"]
    style = STYLES.get(severity, "bold")
    console.print(f"[{style}]{severity}[/{style}] {finding['code']}: {escape(finding['title'])}", soft_wrap=True)
    console.print(f"  {escape(finding['advice'])}", soft_wrap=True, highlight=False)
    console.print(f"  {escape(finding['try']['curl'])}", soft_wrap=True, highlight=False)
