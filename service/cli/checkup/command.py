"""Runs all checks and prints their findings."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from rich.console import Console

from service.cli.checkup.files import check_directories, check_store, has_admin_key
from service.cli.checkup.findings import Finding
from service.cli.checkup.machine import check_training
from service.cli.checkup.redis import check_redis
from service.cli.checkup.settings import check_exposure, check_settings
from service.cli.environment import read_settings
from service.cli.errors import CommandFailed
from service.cli.json_lines import print_line
from service.settings import ApiSettings
from worker.settings import use_umask

_MARKS = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "error": "[red]error  [/]"}


def run_check(*, as_json: bool) -> None:
    """Check everything and print what was found.

    Raises:
        CommandFailed: there is at least one error.
    """
    n_errors = 0
    console = Console()
    for finding in findings(os.environ):
        n_errors += finding.level == "error"
        if as_json:
            print_line(asdict(finding))
        else:
            console.print(f"{_MARKS[finding.level]}  ", end="")
            console.print(f"{finding.part}: {finding.message}", markup=False, highlight=False, soft_wrap=True)
            if finding.fix:
                console.print(f"         {finding.fix}", markup=False, highlight=False, soft_wrap=True)
    if n_errors:
        raise CommandFailed(f"{n_errors} of these will make convserve fail or lose something")


def findings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """All findings, part by part; what depends on valid settings is left out where they are not."""
    yield from check_settings(environment)
    try:
        settings = read_settings(ApiSettings)
    except CommandFailed:
        return
    use_umask(settings)
    yield from check_directories(settings)
    yield from check_store(settings)
    yield from check_exposure(settings, has_admin_key(settings))
    yield from check_redis(settings)
    yield from check_training()
