"""Fetches one file over HTTP into an open file, and verifies size and checksum.

Every error becomes a `FetchFailed` with a sentence for people. Of a mirror's address only the host is shown, since an
address can contain a password. This module knows neither directories nor datasets. httpx is imported only for a
download: an API process imports this module too, and never needs httpx's 5 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from worker.datasets.official import OfficialFile

if TYPE_CHECKING:
    import httpx

SILENCE_S, CONNECT_S = 30.0, 10.0
"""Time limits in seconds: without receiving a byte, and for opening a connection."""

MOST_RESUMPTIONS = 100
"""Of one file, each of which must have brought bytes."""
PARTIAL_CONTENT = 206


class FetchFailed(Exception):
    """The file could not be fetched; the message says why."""


class _Interrupted(FetchFailed):
    """The connection broke or fell silent; what has been received counts."""


def fetch(
    url: str,
    sink: BinaryIO,
    expected: OfficialFile,
    on_bytes: Callable[[int], None],
    timeout: httpx.Timeout | None = None,
) -> None:
    """Stream a file into `sink`. After a broken connection, go on where it broke, if the server can.

    Args:
        url: address of the file.
        sink: receives the bytes; after a failure its contents are unusable.
        expected: size and checksum.
        on_bytes: called after every chunk with the number of bytes received so far.
        timeout: how long to wait for a silent server; default `SILENCE_S` and `CONNECT_S`.

    Raises:
        FetchFailed: no server, an HTTP error, a connection that breaks at the same byte twice, wrong bytes, or a full
            disk.
    """
    reception = _Reception(sink, expected, on_bytes)
    furthest = 0
    for attempts_left in range(MOST_RESUMPTIONS, -1, -1):
        try:
            reception.take(url, timeout)
            break
        except _Interrupted:
            if reception.received <= furthest or not attempts_left:
                raise
            furthest = reception.received
    reception.require_whole()


class _Reception:
    """The bytes of a file that have come so far, and their checksum."""

    def __init__(self, sink: BinaryIO, expected: OfficialFile, on_bytes: Callable[[int], None]) -> None:
        self._sink = sink
        self._expected = expected
        self._on_bytes = on_bytes
        self._begin()

    def _begin(self) -> None:
        self._digest = hashlib.new(self._expected.algorithm, usedforsecurity=False)
        self.received = 0

    def take(self, url: str, timeout: httpx.Timeout | None) -> None:
        """Receive what is missing. Raises `FetchFailed`."""
        expected = self._expected
        with closing(_chunks(url, timeout, self.received)) as chunks:
            for position, chunk in chunks:
                if position != self.received:  # the server sends the file from its beginning
                    with telling_disk_faults():
                        self._sink.seek(0)
                        self._sink.truncate()
                    self._begin()
                self.received += len(chunk)
                if self.received > expected.size_bytes:
                    raise FetchFailed(f"{expected.name} is too long; expected {expected.size_bytes} bytes, got more")
                self._digest.update(chunk)
                with telling_disk_faults():
                    self._sink.write(chunk)
                self._on_bytes(self.received)

    def require_whole(self) -> None:
        """Raise `FetchFailed` unless the file is the expected one."""
        expected, received = self._expected, self.received
        if received < expected.size_bytes:
            raise FetchFailed(f"{expected.name} is too short; expected {expected.size_bytes} bytes, got {received}")
        check_digest(self._digest.hexdigest(), expected)


def check_digest(digest: str, expected: OfficialFile) -> None:
    """Compare a checksum with the official one.

    Raises:
        FetchFailed: they differ.
    """
    if digest != expected.digest:
        raise FetchFailed(
            f"{expected.name} is not the official file; expected {expected.algorithm} {expected.digest}, got {digest}"
        )


@contextmanager
def telling_disk_faults() -> Iterator[None]:
    """Turn the operating system's errors from writing (no space, no permission) into `FetchFailed`."""
    try:
        yield
    except OSError as error:
        raise FetchFailed(f"the download could not be written: {error.strerror or error}") from error


def _chunks(url: str, timeout: httpx.Timeout | None, start: int) -> Generator[tuple[int, bytes], None, None]:
    """Position and bytes of each piece of the body, from `start` on; from the beginning if the server knows no ranges.

    The body comes as sent: httpx must not unpack a .gz file that the server declares as gzip-encoded. Pieces come as
    they arrive, since httpx drops an incomplete piece of a given size when the connection breaks.
    """
    import httpx  # noqa: PLC0415 - see the module's docstring

    try:
        address = httpx.URL(url)
        # httpx logs the address, so a password in it is sent as a header instead.
        auth = httpx.BasicAuth(address.username, address.password) if address.userinfo else None
        with httpx.stream(
            "GET",
            address.copy_with(userinfo=b""),
            headers={"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {}),
            auth=auth,
            follow_redirects=True,
            timeout=timeout or httpx.Timeout(SILENCE_S, connect=CONNECT_S),
        ) as response:
            response.raise_for_status()
            position = start if _continues(response, start) else 0
            for chunk in response.iter_raw():
                yield position, chunk
                position += len(chunk)
    except httpx.TransportError as error:
        if isinstance(error, httpx.UnsupportedProtocol):
            raise FetchFailed(_reason(error, url)) from error
        raise _Interrupted(_reason(error, url)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchFailed(_reason(error, url)) from error


def _continues(response: httpx.Response, start: int) -> bool:
    """Whether an answer goes on where the last one broke."""
    said = response.headers.get("content-range", "")
    return response.status_code == PARTIAL_CONTENT and str(said).startswith(f"bytes {start}-")


def _reason(error: Exception, url: str) -> str:
    import httpx  # noqa: PLC0415 - see the module's docstring

    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return "its address does not begin with http:// or https://"
    host = httpx.URL(url).host
    match error:
        case httpx.HTTPStatusError():
            return f"{host} answered {error.response.status_code}; expected 200"
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return f"no connection to {host}"
        case httpx.TimeoutException():
            return f"{host} stopped responding"
        case httpx.TooManyRedirects():
            return f"{host} redirects in circles"
    return f"the connection to {host} broke"
