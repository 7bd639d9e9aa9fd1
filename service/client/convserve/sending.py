"""What both clients share: how a connection is set up, and when a call is sent again."""

from typing import Any

import httpx

from convserve.calls import Call
from convserve.errors import ConvserveError, ServerRefused, ServerUnreachable

POLL_S = 0.5
"""Between two looks at a job; a job takes longer than that to start."""
TIMEOUT_S = 60.0
"""Of one answer: a prediction with a model that is not loaded, or a large upload, takes a while."""
CONNECT_S = 5.0
MOST_RETRIES = 3
LONGEST_WAIT_S = 30.0
BUSY = frozenset({429, 503})


def connection(url: str, key: str | None, timeout_s: float) -> dict[str, Any]:
    """Arguments of `httpx.Client` and `httpx.AsyncClient`. Raises `ConvserveError` if it is not a URL of HTTP."""
    if not url.startswith(("http://", "https://")):
        raise ConvserveError(f"expected a URL that begins with http:// or https://, got {url!r}")
    headers = {"User-Agent": "convserve-client", **({} if key is None else {"Authorization": f"Bearer {key}"})}
    return {
        "base_url": url.rstrip("/"),
        "headers": headers,
        "timeout": httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
        "trust_env": False,
    }


def pause_s(call: Call[Any], error: Exception, retries: int) -> float | None:
    """How long to wait before a call is sent again; None: not at all."""
    if not call.is_repeatable or retries >= MOST_RETRIES:
        return None
    if isinstance(error, ServerRefused):
        if error.status not in BUSY:
            return None
        return min(error.retry_after_s or 1.0, LONGEST_WAIT_S)
    return 0.2 * float(2**retries)


def unreachable(error: httpx.TransportError, url: str) -> ServerUnreachable:
    """The client's own error for one of httpx."""
    return ServerUnreachable(f"{url} does not answer: {str(error) or type(error).__name__}")
