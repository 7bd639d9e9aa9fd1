"""What the headers of a request say about its body, as far as every reader of a body needs it."""

from starlette.datastructures import Headers

from service.errors import BodyTypeUnsupported


def refuse_encoded(headers: Headers) -> None:
    """Refuse compressed bodies, which may grow a thousandfold.

    Raises:
        BodyTypeUnsupported: the body is encoded.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BodyTypeUnsupported("a body without Content-Encoding", "an encoded one")


def shown_type(content_type: str) -> str:
    """A Content-Type fit to be shown to whoever sent it: without parameters, short."""
    return content_type.partition(";")[0].strip()[:80] or "none"
