"""Talks HTTP to a server, and turns every error into one clear line. Does not know what the routes mean.

Connections and the reading of errors are those of the Python client; the words are for people at a terminal.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from convserve import ConvserveError
from convserve import ServerRefused as Refusal
from convserve.calls import accepted
from convserve.sending import TIMEOUT_S, connection

from service.cli.errors import CommandFailed

JsonObject = dict[str, Any]
UPLOAD_PIECE_BYTES = 1024 * 1024
STREAM_SILENCE_S = 30.0  # the server sends something every ten seconds


class ServerRefused(CommandFailed):
    """The server answered with an error.

    Attributes:
        status: the HTTP status.
        code: the error's name for programs; empty when the response was not a problem document.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ServerUnreachable(CommandFailed):
    """The server does not respond."""


class Client:
    """A convserve server, used through its HTTP contract.

    Args:
        url: the server's address, such as `http://127.0.0.1:8000`.
        key: sent with every request.
        transport: replaces the network, for tests.
    """

    def __init__(self, url: str, key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        try:
            self._http = httpx.Client(**connection(url, key, TIMEOUT_S), transport=transport)
        except ConvserveError as error:
            raise CommandFailed(f"--url must begin with http:// or https://, got {url!r}") from error
        except httpx.InvalidURL as error:
            raise CommandFailed(f"--url is not a valid address: {error}, got {url!r}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: object) -> JsonObject:
        """Get the JSON object at a path."""
        return self._json("GET", path, params=_given(parameters))

    def post(self, path: str, body: JsonObject | None = None) -> JsonObject:
        """Send a JSON body and return the JSON object of the response."""
        return self._json("POST", path, json=body)

    def post_files(self, path: str, files: list[tuple[str, bytes]], **parameters: object) -> JsonObject:
        """Send files as the multipart field `file`, once per file."""
        parts = [("file", (name, data)) for name, data in files]
        return self._json("POST", path, files=parts, params=_given(parameters))

    def draw(self, path: str, file: tuple[str, bytes], **parameters: object) -> bytes:
        """Send a file as the multipart field `file`, and return the bytes of the response."""
        with self._reaching():
            response = self._http.post(path, files=[("file", file)], params=_given(parameters))
            return _accepted(response).content

    def upload(self, path: str, file: Path, media_type: str, parameters: Mapping[str, object]) -> JsonObject:
        """Send a file as the body, in pieces. Raises `OSError` when it cannot be read."""
        with file.open("rb") as opened:
            headers = {"Content-Type": media_type, "Content-Length": str(file.stat().st_size)}
            pieces = iter(lambda: opened.read(UPLOAD_PIECE_BYTES), b"")
            return self._json("POST", path, content=pieces, headers=headers, params=_given(parameters))

    def upload_form(self, path: str, file: Path, fields: Mapping[str, str]) -> JsonObject:
        """Send a file as the form field `file`, with other fields. Raises `OSError` when it cannot be read."""
        with file.open("rb") as opened:
            return self._json("POST", path, files={"file": (file.name, opened)}, data=dict(fields))

    def exchange(self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"") -> httpx.Response:
        """Send bytes with headers, and return the response, of which the headers matter."""
        with self._reaching():
            return _accepted(self._http.request(method, path, headers=dict(headers), content=content))

    def delete(self, path: str) -> JsonObject:
        """Delete the object at a path and return the JSON object of the response."""
        return self._json("DELETE", path)

    def put(self, path: str, body: JsonObject) -> JsonObject:
        """Replace what is at a path, and return the JSON object of the response."""
        return self._json("PUT", path, json=body)

    def remove(self, path: str) -> None:
        """Delete what is at a path; the response may have no body."""
        with self._reaching():
            _accepted(self._http.delete(path))

    def download(self, path: str) -> bytes:
        """Get the bytes at a path."""
        with self._reaching():
            return _accepted(self._http.get(path)).content

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Open a response whose body is read while it arrives."""
        with self._reaching(), self._http.stream("GET", path, headers=headers, timeout=STREAM_SILENCE_S) as response:
            if response.is_error:
                response.read()
            yield _accepted(response)

    def _json(self, method: str, path: str, **options: Any) -> JsonObject:  # noqa: ANN401 - httpx's own options
        with self._reaching():
            response = _accepted(self._http.request(method, path, **options))
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise CommandFailed(f"{self.url} is not a convserve server: expected a JSON object from {path}")
        return body

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise ServerUnreachable(
                f"no server answers at {self.url}",
                "Start one with `convserve up`, or choose another with --url.",
            ) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(f"the connection to {self.url} broke: {reason}") from error


def _given(parameters: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _accepted(response: httpx.Response) -> httpx.Response:
    """The response if it is a success; otherwise raises `ServerRefused` with all details of the problem document."""
    try:
        return accepted(response)
    except Refusal as refusal:
        lines = [refusal.detail]
        for error in refusal.errors:
            if str(error.get("message")) not in lines[0]:
                lines.append(f"  {_field(error.get('loc', ()))}: {error.get('message')}")
        raise ServerRefused(refusal.status, refusal.code, "\n".join(lines)) from refusal


def _field(loc: object) -> str:
    return ".".join(map(str, loc)) if isinstance(loc, list | tuple) else str(loc)
