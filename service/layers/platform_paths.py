"""Leads the addresses that a cloud chose for its requests to ours, before any other layer looks at them."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class PlatformPaths:
    """ASGI layer that replaces whole paths."""

    def __init__(self, app: ASGIApp, *, paths: Mapping[str | None, str]) -> None:
        """Wrap an application.

        Args:
            app: the rest of the service.
            paths: ours, by the cloud's.
        """
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the exchange on under our address."""
        if scope["type"] == "http":
            ours = self._paths.get(scope["path"])
            if ours is not None:
                scope = {**scope, "path": ours, "raw_path": ours.encode()}
        await self._app(scope, receive, send)
