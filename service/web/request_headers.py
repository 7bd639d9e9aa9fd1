"""What the connection itself reads in a request's header: size, `Host`, and the wish for another protocol."""

from collections.abc import Iterable

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case, and values."""


def header_size(target: bytes, headers: Headers) -> int:
    """Bytes of the request line and the headers, give or take some white space."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def is_host_valid(version: str, headers: Headers) -> bool:
    """Whether there is exactly one `Host`, as RFC 9112 asks (3.2); HTTP/1.0 may do without."""
    n_hosts = sum(name == b"host" for name, _ in headers)
    return n_hosts == 1 or (n_hosts == 0 and version == "1.0")


def header_without_upgrade(
    method: bytes, target: bytes, version: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """The bytes of a request's header without `Upgrade`, so that a parser reads its body as usual.

    Java's HttpClient and `curl --http2` send `Upgrade: h2c` with ordinary requests, which a server may ignore
    (RFC 9110, 7.8).

    Args:
        method: such as `POST`.
        target: path and query.
        version: `1.1` or `1.0`.
        headers: names in lower case.
    """
    lines = [b"%b %b HTTP/%b" % (method, target, version)]
    for name, value in headers:
        if name == b"connection":
            kept = b",".join(token for token in value.split(b",") if token.strip().lower() != b"upgrade")
            if kept:
                lines.append(b"connection: " + kept)
        elif name != b"upgrade":
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n"
