"""Admits as many predictions at once as this process can answer soon; the others are told when to try again.

`service.predict.capacity` counts requests of every protocol. `service.inference.batch_queue` bounds what waits for one
version.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Overloaded
from service.predict.capacity import Capacity
from service.predict.urls import is_prediction
from service.splits.turns import Asking, asking_of_request
from service.web.client_presence import receive_of_request
from service.web.problems import respond_to


class Admission:
    """ASGI layer before the routes that predict."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit an exchange, or answer 429."""
        if scope["type"] != "http" or not is_prediction(scope):
            await self._app(scope, receive, send)
            return
        capacity: Capacity = scope["app"].state.service.capacity
        try:
            capacity.enter()
        except Overloaded as error:
            await respond_to(error, scope)(scope, receive, send)
            return
        began_at = time.perf_counter()
        body = _Body(capacity, receive)
        token, asking = receive_of_request.set(receive), asking_of_request.set(Asking(scope))
        try:
            await self._app(scope, body.receive, send)
        finally:
            asking_of_request.reset(asking)
            receive_of_request.reset(token)
            body.let_go()
            capacity.leave(time.perf_counter() - began_at - body.waited_s)


class _Body:
    """Gives up its slot while the client still sends; errors reach the route's own error handling."""

    def __init__(self, capacity: Capacity, receive: Receive) -> None:
        self._capacity = capacity
        self._receive = receive
        self._is_whole = False
        self._held_bytes = 0
        self.waited_s = 0.0

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()
        began_at = time.perf_counter()
        self._capacity.step_out()
        try:
            message = await self._receive()
        finally:
            self._capacity.re_enter()
            self.waited_s += time.perf_counter() - began_at
        n_bytes = len(message.get("body", b""))
        self._held_bytes += n_bytes
        if message.get("more_body", False):
            self._capacity.hold(n_bytes)
        else:
            self._is_whole = True
            self._capacity.hold_last(n_bytes)
            if message["type"] == "http.request":
                self._capacity.require_slot()
        return message

    def let_go(self) -> None:
        """Release the held bytes: until the answer, the route has the pictures in memory."""
        self._capacity.let_go(self._held_bytes)
        self._held_bytes = 0
