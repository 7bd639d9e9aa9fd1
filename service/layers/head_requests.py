"""Answers HEAD wherever GET is answered: the same status and headers, without the body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.web.methods import ASKED_METHOD


class _BodyBegins(Exception):
    """Ends an answer whose headers are sent; the rest of its body need not be made."""


class HeadRequests:
    """ASGI layer that passes a HEAD on as a GET. The layers around it still see, log and count a HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an exchange on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # `Range` is defined for GET alone (RFC 9110, 14.2).
        headers = [pair for pair in scope["headers"] if pair[0] != b"range"]
        inside = {**scope, "method": "GET", ASKED_METHOD: "HEAD", "headers": headers}

        async def send_headers(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({"type": "http.response.body", "body": b""})
            if message.get("more_body", False):
                raise _BodyBegins

        try:
            await self._app(inside, receive, send_headers)
        except _BodyBegins:
            pass
        finally:
            if "route" in inside:
                scope["route"] = inside["route"]  # for the log and the metrics
