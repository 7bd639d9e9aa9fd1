"""Checks of the Content-Type and Content-Encoding that every reader of a request body needs."""

from starlette.datastructures import Headers

from service.errors import BodyTypeUnsupported

UNTOLD = frozenset({"none", "application/x-www-form-urlencoded"})
"""No Content-Type, as `curl -T` sends files, and the one of `curl --data-binary`, which says nothing about the body."""


def refuse_encoded(headers: Headers) -> None:
    """Refuse compressed bodies, which may expand a thousandfold.

    Raises:
        BodyTypeUnsupported: the body is encoded.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BodyTypeUnsupported("a body without Content-Encoding", "an encoded one")


def shown_type(content_type: str) -> str:
    """A Content-Type that is safe to show to its sender: without parameters, and short."""
    return content_type.partition(";")[0].strip()[:80] or "none"
