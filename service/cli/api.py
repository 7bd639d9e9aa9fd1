"""`convserve api`: the HTTP side in this process, under uvicorn. Knows how to serve the app, not what it does."""

import logging
import socket

import uvicorn

from service.app import create_app
from service.cli.listening import url_of
from service.fast.protocol import FastProtocol
from service.inference.c_memory import settle
from service.settings import ApiSettings
from worker.telemetry.logs import configure_logging

logger = logging.getLogger(__name__)

SHUTDOWN_LIMIT_S = 4  # progress streams would otherwise keep the process alive for as long as a job


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle()


def run_api(settings: ApiSettings, listener: socket.socket) -> None:
    """Serve until a signal asks for the end."""
    configure_logging("api", settings.log_format, settings.log_level)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # the steps of its start; ours is one line
    with listener:
        server = _Server(
            uvicorn.Config(
                create_app(settings),
                http=FastProtocol,
                log_config=None,
                access_log=False,  # each exchange has its line already, with its request id
                timeout_graceful_shutdown=SHUTDOWN_LIMIT_S,
                server_header=False,
            )
        )
        logger.info("listening on %s", url_of(listener))
        server.run(sockets=[listener])
