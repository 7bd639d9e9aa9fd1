"""Builds a process's settings from the environment and the command line, and reports errors in one line."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from service.cli.errors import CommandFailed
from worker.patterns import message_of
from worker.settings import SharedSettings
from worker.telemetry.tracing import TracingUnavailable, check_packages

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def read_settings(kind: type[SettingsT], **overrides: object) -> SettingsT:
    """Read the settings of one process.

    Args:
        kind: the settings class.
        overrides: values from the command line; None means not given there.

    Raises:
        CommandFailed: a variable or an option has an invalid value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise CommandFailed("; ".join(_complaint(detail, given) for detail in error.errors())) from error


def refuse_traces_without_packages(settings: SharedSettings) -> None:
    """Raise `CommandFailed` before anything starts if traces are enabled but their packages are not installed."""
    try:
        check_packages(settings.otel_endpoint)
    except TracingUnavailable as error:
        raise CommandFailed(str(error)) from error


def _complaint(detail: ErrorDetails, given: Mapping[str, object]) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else ""
    source = f"--{name.replace('_', '-')}" if name in given else f"CONVSERVE_{name.upper()}"
    message = message_of(detail)
    return f"{source}: {message[0].lower()}{message[1:]}, got {detail['input']!r}"
