"""One format for every process's log: time, process, level when it matters, message. For people at a terminal."""

import logging
import sys


class _ReadableFormatter(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s  {process:<7} %(level)s%(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return super().format(record)


def configure_logging(process: str, level: int = logging.INFO) -> None:
    """Send every logger's lines to standard error in one format.

    Args:
        process: short name shown in each line, such as `api` or `worker`.
        level: the lowest level shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ReadableFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("celery.worker.strategy", "celery.app.trace", "celery.worker.consumer", "kombu", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
