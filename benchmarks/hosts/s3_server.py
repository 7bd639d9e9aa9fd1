"""An S3 server (moto's) with one bucket: `python -m benchmarks.hosts.s3_server ADDRESS PORT`.

It reads each request completely before it works on it, so that a slow host does not stop the others. It works on one
request at a time, so that only one of two rivals that send `If-None-Match` wins, as with S3; moto's own server checks
that without a lock.
"""

import io
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.hosts.plan import BUCKET

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
SILENT_S = 60.0


class OneAtATime:
    """Passes whole requests on, one after the other."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """One request, as WSGI hands it over."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        with self._turn:
            return [b"".join(self._app(environ | {"wsgi.input": io.BytesIO(body)}, start_response))]


class PatientHandler(WSGIRequestHandler):
    """Keeps connections, logs nothing, and lets go of a client that has fallen silent."""

    protocol_version = "HTTP/1.1"
    timeout = SILENT_S

    def log_request(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Serve until the process is ended."""
    s3_backends[DEFAULT_ACCOUNT_ID]["global"].create_bucket(BUCKET, "us-east-1")
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    make_server(sys.argv[1], int(sys.argv[2]), app, threaded=True, request_handler=PatientHandler).serve_forever()


if __name__ == "__main__":
    main()
