"""Fetches one file over HTTP into an open file, and proves on the way that it is the right one.

Every fault becomes a `FetchFailed` with a sentence for people; nothing of a mirror's address but its host is told,
since an address can carry a password. Knows neither directories nor datasets. httpx is imported when something is to
be fetched: an API process, which imports this module too, never needs its 5 MB.
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
"""Seconds without a byte, and seconds for a connection, after which a server is given up."""


class FetchFailed(Exception):
    """The file could not be had; the text says why."""


def fetch(
    url: str,
    sink: BinaryIO,
    expected: OfficialFile,
    on_bytes: Callable[[int], None],
    timeout: httpx.Timeout | None = None,
) -> None:
    """Stream a file into `sink`.

    Args:
        url: where it is.
        sink: receives the bytes; what it holds after a failure is worthless.
        expected: size and checksum.
        on_bytes: told how many bytes have come, after every chunk.
        timeout: how long to wait for a silent server; default `SILENCE_S` and `CONNECT_S`.

    Raises:
        FetchFailed: no server, an HTTP error, a cut connection, the wrong bytes, or no room for them.
    """
    digest = hashlib.new(expected.algorithm, usedforsecurity=False)
    received = 0
    with closing(_chunks(url, timeout)) as chunks:
        for chunk in chunks:
            received += len(chunk)
            if received > expected.size_bytes:
                raise FetchFailed(f"{expected.name} is too long; expected {expected.size_bytes} bytes, came more")
            digest.update(chunk)
            with telling_disk_faults():
                sink.write(chunk)
            on_bytes(received)
    if received < expected.size_bytes:
        raise FetchFailed(f"{expected.name} is too short; expected {expected.size_bytes} bytes, came {received}")
    check_digest(digest.hexdigest(), expected)


def check_digest(came: str, expected: OfficialFile) -> None:
    """Compare a checksum.

    Raises:
        FetchFailed: it is another one.
    """
    if came != expected.digest:
        raise FetchFailed(
            f"{expected.name} is not the official file; expected {expected.algorithm} {expected.digest}, came {came}"
        )


@contextmanager
def telling_disk_faults() -> Iterator[None]:
    """Turn the operating system's errors on writing (no space, no permission) into `FetchFailed`."""
    try:
        yield
    except OSError as error:
        raise FetchFailed(f"the download could not be written: {error.strerror or error}") from error


def _chunks(url: str, timeout: httpx.Timeout | None) -> Generator[bytes, None, None]:
    """The body as it is on the wire: a server that calls a .gz file gzip-encoded must not have it unpacked."""
    import httpx  # noqa: PLC0415 - see the module's docstring

    try:
        address = httpx.URL(url)
        # httpx writes the address to its log: a password in it goes into a header instead.
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
        return "its address is not one of http:// or https://"
    host = httpx.URL(url).host
    match error:
        case httpx.HTTPStatusError():
            return f"{host} answered {error.response.status_code}; expected 200"
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return f"no connection to {host}"
        case httpx.TimeoutException():
            return f"{host} fell silent"
        case httpx.TooManyRedirects():
            return f"{host} sends in circles"
    return f"the connection to {host} was cut"
