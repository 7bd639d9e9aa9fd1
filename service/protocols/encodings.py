"""Compressed bodies of the public protocols: gzip, and deflate in its zlib form (RFC 1950), within a size.

Works on bytes and two header values; does not know what the bytes mean.
"""

import gzip
import zlib

from service.errors import BodyTooLarge, BodyTypeUnsupported, CallRejected

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_FAST = 1


def is_plain(content_encoding: str) -> bool:
    """Whether a Content-Encoding leaves the bytes as they are."""
    return content_encoding.strip().lower() in {"", "identity"}


def decompressed(data: bytes, content_encoding: str, limit_bytes: int) -> bytes:
    """Undo a Content-Encoding.

    Raises:
        BodyTypeUnsupported: an encoding other than gzip or deflate.
        BodyTooLarge: the decompressed body exceeds the limit.
        CallRejected: the bytes are damaged or cut short.
    """
    if is_plain(content_encoding):
        return data
    window = _WINDOWS.get(content_encoding.strip().lower())
    if window is None:
        raise BodyTypeUnsupported("Content-Encoding gzip or deflate", "another one")
    member = zlib.decompressobj(window)
    try:
        plain = member.decompress(data, limit_bytes + 1)
    except zlib.error as error:
        raise CallRejected(f"the compressed request body is damaged: {error}") from None
    if len(plain) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    if not member.eof or member.unused_data:
        raise CallRejected("the compressed request body is damaged: expected one whole stream, got part of it or more")
    return plain


def chosen_encoding(accept_encoding: str) -> str | None:
    """Gzip or deflate, whichever the client gives the higher weight; None if it accepts neither."""
    weights = dict(_weighted(choice) for choice in accept_encoding.lower().split(","))
    best = max(("gzip", "deflate"), key=lambda name: weights.get(name, 0.0))
    return best if weights.get(best, 0.0) > 0 else None


def _weighted(choice: str) -> tuple[str, float]:
    name, _, weight = choice.partition(";")
    try:
        return name.strip(), float(weight.strip().removeprefix("q=") or 1)
    except ValueError:
        return name.strip(), 0.0


def compressed(data: bytes, encoding: str) -> bytes:
    """The bytes in an encoding that `chosen_encoding` named."""
    return gzip.compress(data, _FAST, mtime=0) if encoding == "gzip" else zlib.compress(data, _FAST)
