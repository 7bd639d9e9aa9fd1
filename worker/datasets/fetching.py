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

CHUNK_BYTES = 256 * 1024
SILENCE_S, CONNECT_S = 30.0, 10.0
"""Time limits in seconds: without receiving a byte, and for opening a connection."""


class FetchFailed(Exception):
    """The file could not be fetched; the message says why."""


def fetch(
    url: str,
    sink: BinaryIO,
    expected: OfficialFile,
    on_bytes: Callable[[int], None],
    timeout: httpx.Timeout | None = None,
) -> None:
    """Stream a file into `sink`.

    Args:
        url: address of the file.
        sink: receives the bytes; after a failure its contents are unusable.
        expected: size and checksum.
        on_bytes: called after every chunk with the number of bytes received so far.
        timeout: how long to wait for a silent server; default `SILENCE_S` and `CONNECT_S`.

    Raises:
        FetchFailed: no server, an HTTP error, a broken connection, wrong bytes, or a full disk.
    """
    digest = hashlib.new(expected.algorithm, usedforsecurity=False)
    received = 0
    with closing(_chunks(url, timeout)) as chunks:
        for chunk in chunks:
            received += len(chunk)
            if received > expected.size_bytes:
                raise FetchFailed(f"{expected.name} is too long; expected {expected.size_bytes} bytes, got more")
            digest.update(chunk)
            with telling_disk_faults():
                sink.write(chunk)
            on_bytes(received)
    if received < expected.size_bytes:
        raise FetchFailed(f"{expected.name} is too short; expected {expected.size_bytes} bytes, got {received}")
    check_digest(digest.hexdigest(), expected)


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


def _chunks(url: str, timeout: httpx.Timeout | None) -> Generator[bytes, None, None]:
    """The body as sent: httpx must not unpack a .gz file that the server declares as gzip-encoded."""
    import httpx  # noqa: PLC0415 - see the module's docstring

    try:
        address = httpx.URL(url)
        # httpx logs the address, so a password in it is sent as a header instead.
        auth = httpx.BasicAuth(address.username, address.password) if address.userinfo else None
        with httpx.stream(
            "GET",
            address.copy_with(userinfo=b""),
            headers={"Accept-Encoding": "identity"},
            auth=auth,
            follow_redirects=True,
            timeout=timeout or httpx.Timeout(SILENCE_S, connect=CONNECT_S),
        ) as response:
            response.raise_for_status()
            yield from response.iter_raw(CHUNK_BYTES)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchFailed(_reason(error, url)) from error


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
