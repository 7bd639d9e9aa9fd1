"""What every HTTP exchange has in common: a request id, safe headers, and a last net for what nobody foresaw.

Outermost of the application's own layers. It knows neither routes nor bodies.
"""

import logging
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import respond_unforeseen

logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Exchange:
    """ASGI layer around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one exchange; connections of other kinds pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        has_started = False

        async def send_stamped(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_stamped)
        except Exception:  # the top of the API: everything foreseen has its handler further in
            logger.exception("request %s (%s %r) failed", request_id, scope["method"], scope["path"][:200])
            if has_started:
                raise  # half an answer is out: only cutting the connection tells the client
            await respond_unforeseen(request_id)(scope, receive, send_stamped)


def _request_id(scope: Scope) -> str:
    """The client's own id when it is a harmless one, else a new one."""
    came = Headers(scope=scope).get(REQUEST_ID, "")
    return came if _ACCEPTED_ID.fullmatch(came) else secrets.token_hex(8)
