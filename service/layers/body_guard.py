"""Checks request bodies before the routes see them: their size, and that they are clean JSON.

Every body is read whole, limited in size and checked as JSON, unless its route reads the stream itself: then only the
bytes are counted. An announced length may end a request early, but is never trusted.
"""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLarge, BodyTypeUnsupported
from service.web.content_types import refuse_encoded, shown_type
from service.web.strict_json import parse_json

_JSON_TYPE = re.compile(r"application/(json|[a-z0-9.+-]+\+json)\s*(;.*)?", re.IGNORECASE | re.DOTALL)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class BodyGuard:
    """ASGI layer that checks request bodies while they are read; errors reach the route's own error handling."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        streamed: Mapping[re.Pattern[str], int],
        max_json_bytes: int,
        posted: Mapping[re.Pattern[str], int] | None = None,
    ) -> None:
        """Wrap an application.

        Args:
            app: the rest of the service.
            streamed: paths whose routes read the body themselves, each with its largest body in bytes.
            max_json_bytes: largest body of all other paths.
            posted: paths whose routes read only the bodies of POST requests themselves, each with its largest body.
        """
        self._app = app
        self._streamed = streamed
        self._streamed_by_post = {**streamed, **(posted or {})}
        self._max_json_bytes = max_json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the exchange on with a checked `receive`."""
        if scope["type"] == "http" and scope["method"] in _WITH_BODY:
            headers = Headers(scope=scope)
            patterns = self._streamed_by_post if scope["method"] == "POST" else self._streamed
            limits = [limit for paths, limit in patterns.items() if paths.fullmatch(scope["path"])]
            if limits:
                receive = _Counted(receive, headers, limits[0])
            else:
                receive = _CheckedJson(_Counted(receive, headers, self._max_json_bytes), headers)
        await self._app(scope, receive, send)


class _Counted:
    """Passes messages on until more bytes have arrived than allowed."""

    def __init__(self, receive: Receive, headers: Headers, limit_bytes: int) -> None:
        self._receive = receive
        self._headers = headers
        self._limit_bytes = limit_bytes
        self._received_bytes = 0

    async def __call__(self) -> Message:
        if not self._received_bytes:
            announced = self._headers.get("content-length", "")
            if announced.isdecimal() and int(announced[:20]) > self._limit_bytes:
                raise BodyTooLarge(self._limit_bytes)
        message = await self._receive()
        self._received_bytes += len(message.get("body", b""))
        if self._received_bytes > self._limit_bytes:
            raise BodyTooLarge(self._limit_bytes)
        return message


class _CheckedJson:
    """Reads the whole body on the first call, checks it, and passes it on as one message."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._headers = headers
        self._is_read = False

    async def __call__(self) -> Message:
        if self._is_read:
            return await self._receive()
        body = bytearray()
        is_complete = False
        while not is_complete:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            is_complete = not message.get("more_body", False)
        self._is_read = True
        if body:
            self._check_type()
            parse_json(bytes(body))
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    def _check_type(self) -> None:
        refuse_encoded(self._headers)
        content_type = self._headers.get("content-type", "")
        if not _JSON_TYPE.fullmatch(content_type):
            raise BodyTypeUnsupported(
                "Content-Type application/json",
                shown_type(content_type),
                "With curl, add: -H 'Content-Type: application/json'",
            )
