"""An S3 server (moto's) that is filled with versions before it listens, and counts the requests that it is sent.

    python -m benchmarks.scale.s3_server --port PORT --versions 2000 --files 4

`GET /-/requests` answers how many there were. The objects are put into the server's memory directly, in the file format
of the store. Unlike the server of the tests, it answers several requests at once.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from benchmarks.scale.versions import BUCKET, PREFIX, objects_of

COUNT = "/-/requests"
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Counting:
    """Passes requests on and counts them, by method."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self.counts: dict[str, int] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """One request, as WSGI hands it over."""
        if environ["PATH_INFO"] == COUNT:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.counts).encode()]
        self.counts[environ["REQUEST_METHOD"]] = self.counts.get(environ["REQUEST_METHOD"], 0) + 1
        return self._app(environ, start_response)


class QuietHandler(WSGIRequestHandler):
    """Keeps connections and logs nothing."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Fill, then serve until the process is ended."""
    parser = argparse.ArgumentParser(description="An S3 server filled with versions.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--versions", type=int, required=True)
    parser.add_argument("--files", type=int, default=4)
    options = parser.parse_args()
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["global"]
    backend.create_bucket(BUCKET, "us-east-1")
    for path, data in objects_of(options.versions, options.files):
        backend.put_object(BUCKET, f"{PREFIX}/{path}", data)
    app = Counting(DomainDispatcherApplication(create_backend_app))
    make_server("127.0.0.1", options.port, app, threaded=True, request_handler=QuietHandler).serve_forever()


if __name__ == "__main__":
    main()
