"""One format for every process's log: lines for people at a terminal, or one JSON object per line for machines.

What a piece of work is about (its request, its job) is declared once, with `log_context`, and appears in every JSON
line written inside. This module reads no setting; its callers pass everything in.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

LogFormat = Literal["readable", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_CHATTY = ("celery.worker.strategy", "celery.app.trace", "celery.worker.consumer", "kombu", "httpx", "urllib3")
_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))


def configure_logging(process: str, log_format: LogFormat = "readable", level: LogLevel = "info") -> None:
    """Send every logger's lines to standard error in one format.

    Args:
        process: short name shown in each line, such as `api` or `worker`.
        log_format: for people, or for machines.
        level: the lowest level shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter_of(process, log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _collect_nothing_unshown()
    # Otherwise Python's own warnings would be the only lines that do not parse.
    logging.captureWarnings(log_format == "json")
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _collect_nothing_unshown() -> None:
    """Switch off what Python collects for every record and no line of ours shows, as the logging manual suggests.

    It is half of what a line costs, and the API writes one line per request.
    """
    logging._srcfile = None  # the caller's file and line, which need a walk up the stack
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False
    if hasattr(logging, "logAsyncioTasks"):  # from Python 3.12 on
        logging.logAsyncioTasks = False


def formatter_of(process: str, log_format: LogFormat) -> logging.Formatter:
    """The formatter of a process's log records."""
    return _JsonFormatter(process) if log_format == "json" else _ReadableFormatter(process)


@contextmanager
def log_context(**facts: str) -> Iterator[None]:
    """Add facts such as `request_id` or `job` to every JSON line written inside; empty ones are left out."""
    token = _context.set({**_context.get(), **{name: fact for name, fact in facts.items() if fact}})
    try:
        yield
    finally:
        _context.reset(token)


class _ReadableFormatter(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s  {process:<7} %(level)s%(message)s", datefmt="%H:%M:%S")
        self._second = -1
        self._shown_second = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """The time of day, formatted once per second."""
        second = int(record.created)
        if second != self._second:
            self._shown_second = super().formatTime(record, datefmt)
            self._second = second
        return self._shown_second

    def format(self, record: logging.LogRecord) -> str:
        record.level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return super().format(record)


class _JsonFormatter(logging.Formatter):
    """One ASCII object per line, with the context's facts and the record's own `fields` (`extra={"fields": {…}}`)."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        line = {
            "ts": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
