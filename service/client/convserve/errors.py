"""The errors of the client.

ConvserveError
├── ServerUnreachable   no answer: no server, or a connection that broke
├── ServerRefused       an answer that is an error; has its status and its code
├── JobFailed           a job that was waited for failed or was cancelled
└── WaitTimedOut        a job was still not finished
"""

from collections.abc import Sequence
from typing import Any


class ConvserveError(Exception):
    """Base class of the client's errors."""


class ServerUnreachable(ConvserveError):
    """The server does not answer."""


class ServerRefused(ConvserveError):
    """The server answered with an error.

    Attributes:
        status: HTTP status.
        code: of the error, for programs, such as `model_not_found`.
        detail: what is wrong, for people.
        errors: the parts of the request at fault, each with `loc` and `message`.
        retry_after_s: when to try again, if the server says so.
    """

    def __init__(
        self, status: int, code: str, detail: str, errors: Sequence[dict[str, Any]], retry_after_s: float | None
    ) -> None:
        super().__init__(f"{detail} ({status} {code})" if code else detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.retry_after_s = retry_after_s


class JobFailed(ConvserveError):
    """A job did not succeed.

    Attributes:
        job: its id.
        state: `failed` or `cancelled`.
        code: why, for programs; empty for a cancelled job.
        hint: what to do about it, if the server knows.
    """

    def __init__(self, job: str, state: str, code: str, message: str, hint: str | None) -> None:
        super().__init__(f"job {job} {state}{f': {message}' if message else ''}{f' ({hint})' if hint else ''}")
        self.job = job
        self.state = state
        self.code = code
        self.hint = hint


class WaitTimedOut(ConvserveError):
    """A job was not finished in time; it goes on."""
