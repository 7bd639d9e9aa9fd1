"""`convserve api`: runs the HTTP side in this process under uvicorn. Knows nothing of the routes."""

import logging
import socket

import uvicorn

from service.app import create_app
from service.cli.listening import url_of
from service.fast.protocol import FastProtocol
from service.inference.c_memory import settle
from service.settings import ApiSettings
from worker.file_pages import give_back_file_pages
from worker.telemetry.logs import configure_logging

logger = logging.getLogger(__name__)

SHUTDOWN_LIMIT_S = 4  # otherwise a progress stream keeps the process alive until its job ends


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle()
        give_back_file_pages()  # 29 MB that the start has touched; predicting takes 10 of them again


def run_api(settings: ApiSettings, listener: socket.socket) -> None:
    """Serve until a signal asks for the end."""
    configure_logging("api", settings.log_format, settings.log_level)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # hides its messages at start; ours is one line
    with listener:
        server = _Server(
            uvicorn.Config(
                create_app(settings),
                http=FastProtocol,
                log_config=None,
                access_log=False,  # the application logs each exchange, with its request id
                timeout_graceful_shutdown=SHUTDOWN_LIMIT_S,
                server_header=False,
                ws="none",  # the service has no WebSockets; `Upgrade` is ignored
            )
        )
        logger.info("listening on %s", url_of(listener))
        server.run(sockets=[listener])
