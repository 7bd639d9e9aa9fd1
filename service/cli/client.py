"""Talks HTTP to a server, and turns what can go wrong on the way into one clear line. Knows no route's meaning."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from service.cli.errors import CommandFailed

JsonObject = dict[str, Any]
UPLOAD_PIECE_BYTES = 1024 * 1024
STREAM_SILENCE_S = 30.0  # the server says something every ten seconds


class ServerRefused(CommandFailed):
    """The server answered with an error.

    Attributes:
        status: the HTTP status.
        code: the error's name for programs; empty when the answer was not a problem document.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ServerUnreachable(CommandFailed):
    """No answer came."""


class Client:
    """A convserve server seen through its HTTP contract.

    Args:
        url: where it is, such as `http://127.0.0.1:8000`.
        transport: instead of the network.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        try:
            # Predictions with a cold model and large uploads take a while; silence for a minute does not.
            self._http = httpx.Client(
                base_url=self.url, timeout=httpx.Timeout(60.0, connect=5.0), transport=transport, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise CommandFailed(f"--url is not an address: {error}, got {url!r}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: object) -> JsonObject:
        """The JSON object at a path."""
        return self._json("GET", path, params=_given(parameters))

    def post(self, path: str, body: JsonObject | None = None) -> JsonObject:
        """Send a JSON body; the JSON object that comes back."""
        return self._json("POST", path, json=body)

    def post_files(self, path: str, files: list[tuple[str, bytes]], **parameters: object) -> JsonObject:
        """Send files as the multipart field `file`, once per file."""
        parts = [("file", (name, data)) for name, data in files]
        return self._json("POST", path, files=parts, params=_given(parameters))

    def upload(self, path: str, file: Path, media_type: str, parameters: Mapping[str, object]) -> JsonObject:
        """Send a file as the body, a piece at a time. Raises `OSError` when it cannot be read."""
        with file.open("rb") as opened:
            headers = {"Content-Type": media_type, "Content-Length": str(file.stat().st_size)}
            pieces = iter(lambda: opened.read(UPLOAD_PIECE_BYTES), b"")
            return self._json("POST", path, content=pieces, headers=headers, params=_given(parameters))

    def delete(self, path: str) -> JsonObject:
        """Delete what is at a path; the JSON object that comes back."""
        return self._json("DELETE", path)

    def download(self, path: str) -> bytes:
        """The bytes at a path."""
        with self._reaching():
            return _accepted(self._http.get(path)).content

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An open answer whose body comes bit by bit."""
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
                "Start one with `convserve up`, or name another with --url.",
            ) from error
        except httpx.UnsupportedProtocol as error:
            raise CommandFailed(f"--url must begin with http:// or https://, got {self.url!r}") from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(f"the connection to {self.url} broke: {reason}") from error


def _given(parameters: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _accepted(response: httpx.Response) -> httpx.Response:
    """The response when it is a good one; raises `ServerRefused` with everything the problem document says."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        raise ServerRefused(
            response.status_code, "", f"the server answered {response.status_code} {response.reason_phrase}"
        )
    lines = [str(problem.get("detail") or problem.get("title") or f"the server answered {response.status_code}")]
    for error in problem.get("errors") or ():
        if str(error.get("message")) not in lines[0]:
            lines.append(f"  {_place(error.get('loc', ()))}: {error.get('message')}")
    raise ServerRefused(response.status_code, str(problem.get("code", "")), "\n".join(lines))


def _place(loc: object) -> str:
    return ".".join(map(str, loc)) if isinstance(loc, list | tuple) else str(loc)
