"""`convserve api --workers N`: several API processes on one port, supervised and stopped together."""

import os
import socket
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from service.cli.listening import url_of
from service.cli.signals import StopSignals
from service.cli.stack.apis import api_specs
from service.cli.stack.child import Child
from service.cli.stack.lines import StatusLines
from service.settings import ApiSettings

SUPERVISION_PERIOD_S = 0.1


def run_api_workers(settings: ApiSettings, listener: socket.socket) -> None:
    """Start `settings.api_workers` processes and keep them alive until a signal asks for the end."""
    lines = StatusLines(sys.stderr, settings.log_format)
    with listener, StopSignals() as signals, TemporaryDirectory(prefix="convserve-api-") as shared:
        specs = api_specs(settings, listener.fileno(), os.environ, Path(shared))
        children = [Child(spec, lines) for spec in specs]
        try:
            for child in children:
                child.start()
            lines.say("api", f"{len(children)} processes listen on {url_of(listener)}")
            while not signals.received:
                for child in children:
                    child.keep_alive()
                time.sleep(SUPERVISION_PERIOD_S)
        finally:
            already = signals.received
            for child in children:
                child.stop(is_urgent=lambda: signals.received > already)
