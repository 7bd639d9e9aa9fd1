"""Are the variables of the environment settings, and are their values valid?"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from service.cli.checkup.findings import Finding
from service.cli.environment import read_settings
from service.cli.errors import CommandFailed
from service.keys.needed import is_loopback
from service.settings import ApiSettings
from worker.settings import SharedSettings, WorkerSettings

PREFIX = "CONVSERVE_"
OF_COMPOSE = frozenset({"API_KEY", "REDIS_PASSWORD", "GRAFANA_PASSWORD", "GRAFANA_PORT", "PROMETHEUS_PORT"})
"""Variables that are read by others: the client's key, and those of the compose file."""


def check_settings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Findings about the settings of the API and of workers."""
    found = [*_unknown(environment), *_invalid(ApiSettings), *_invalid(WorkerSettings)]
    n_set = sum(name.startswith(PREFIX) for name in environment)
    yield from dict.fromkeys(found) or [Finding("settings", "ok", f"{n_set} variables of the environment are settings")]


def check_exposure(settings: ApiSettings, has_admin_key: bool) -> Iterator[Finding]:
    """Whether other machines could use the server without a key."""
    if is_loopback(settings.host):
        yield Finding("keys", "ok", f"only this machine can reach {settings.host}")
    elif settings.admin_key is None and not has_admin_key:
        fix = "Make a key: convserve keys create me --scope admin"
        yield Finding("keys", "error", f"the API will not start on {settings.host} without a key", fix)
    else:
        yield Finding("keys", "ok", f"requests to {settings.host} need a key")


def _unknown(environment: Mapping[str, str]) -> Iterator[Finding]:
    known = {name.upper() for kind in (ApiSettings, WorkerSettings) for name in kind.model_fields} | OF_COMPOSE
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if name != variable and name.upper() not in known:
            yield Finding(
                "settings", "warning", f"no setting is called {variable}, so it has no effect", _like(name, known)
            )


def _like(name: str, known: Collection[str]) -> str:
    similar = get_close_matches(name.upper(), known, n=1)
    return f"Did you mean {PREFIX}{similar[0]}?" if similar else "See docs/reference/settings.md, or remove it."


def _invalid(kind: type[SharedSettings]) -> Iterator[Finding]:
    try:
        read_settings(kind)
    except CommandFailed as error:
        for complaint in error.message.split("; "):
            variable, _, fault = complaint.partition(": ")
            yield Finding("settings", "error", f"{variable} is not valid: {fault}", _meaning(kind, variable))


def _meaning(kind: type[Any], variable: str) -> str | None:
    field = kind.model_fields.get(variable.removeprefix(PREFIX).lower())
    return None if field is None else f"It means: {field.description}"
