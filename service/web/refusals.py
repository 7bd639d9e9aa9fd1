"""What a connection itself answers, before or instead of the application: the refusals and their bytes.

They are problems like all errors of the service, and every one closes its connection.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from service.web.policies import UNFRAMED
from service.web.problems import MEDIA_TYPE, problem_of
from service.web.request_ids import new_request_id
from service.web.verdicts import Verdict


@dataclass(frozen=True)
class Refusal:
    """A kind of refusal, and what to tell the client."""

    verdict: Verdict
    detail: str


MALFORMED = Refusal(
    Verdict(400, "bad_request", "Bad request"),
    "This is not a valid HTTP/1.1 request.",
)
HOST_INVALID = Refusal(
    Verdict(400, "host_invalid", "Invalid Host header"),
    "The request has no usable Host header; expected exactly one.",
)
CONNECT_UNSUPPORTED = Refusal(
    Verdict(400, "connect_unsupported", "CONNECT is not supported"),
    "This server is no proxy; expected another method than CONNECT.",
)
HEADER_TOO_LARGE = Refusal(
    Verdict(431, "header_too_large", "Request header too large"),
    "The request line and the headers are too large, or there are too many headers.",
)
TIMED_OUT = Refusal(
    Verdict(408, "request_timeout", "Request too slow"),
    "The request did not arrive in time; expected its header and its body sooner.",
)
TOO_MANY_REQUESTS = Refusal(
    Verdict(429, "too_many_pipelined", "Too many requests at once", retry_after_s=1),
    "Too many requests came on one connection before their answers; wait for the answers, or use more connections.",
)
TOO_MANY_CONNECTIONS = Refusal(
    Verdict(503, "too_many_connections", "Too many connections", retry_after_s=2),
    "Too many connections are open, in all or from this address; close some, or try again later.",
)


class Refused(Exception):
    """Raised in the callbacks of a parser to end the parsing."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def refusal_for(error: BaseException) -> Refusal:
    """The refusal that ended the parsing; without one, what was parsed is malformed."""
    cause = error.__context__
    return cause.refusal if isinstance(cause, Refused) else MALFORMED


def refusal_bytes(refusal: Refusal, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole answer of a refusal.

    Args:
        refusal: what to say.
        default_headers: of every answer of the server, such as its date.
    """
    problem = problem_of(refusal.verdict, refusal.detail)
    body = problem.model_dump_json(exclude_none=True).encode()
    headers = [
        *default_headers,
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        UNFRAMED,
        (b"x-request-id", new_request_id().encode()),
        (b"connection", b"close"),
    ]
    if refusal.verdict.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % refusal.verdict.retry_after_s))
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    status = HTTPStatus(refusal.verdict.status)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, status.phrase.encode(), lines, body)
