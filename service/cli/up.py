"""`convserve up`: runs the stack in the foreground until Ctrl-C or a signal."""

import os
import sys

from service import __version__
from service.cli.listening import listen, with_keys_where_needed
from service.cli.signals import StopSignals
from service.cli.stack.data_directory import DataDirectory
from service.cli.stack.lines import StatusLines
from service.cli.stack.stack import Stack
from service.settings import ApiSettings


def run_up(settings: ApiSettings) -> None:
    """Start everything, keep it running, and stop it in order when a signal arrives."""
    lines = StatusLines(sys.stderr, settings.log_format)
    external_redis_url = settings.redis_url if "redis_url" in settings.model_fields_set else None
    with (
        StopSignals() as signals,
        DataDirectory(settings.data_dir) as data,
        listen(settings.host, settings.port) as listener,
        Stack(data, listener, os.environ, signals, lines, external_redis_url, settings=settings) as stack,
    ):
        lines.say("up", f"convserve {__version__} is starting")
        with_keys_where_needed(listener, settings)
        stack.start()
        lines.say("up", f"ready: page {stack.url}/  docs {stack.url}/docs  data {data.path}  (Ctrl-C stops)")
        stack.supervise()
        lines.say("up", "stopping")
    lines.say("up", "stopped")
