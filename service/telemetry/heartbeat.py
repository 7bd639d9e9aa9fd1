"""Whether something outside the process works, told within a second also while it hangs: Redis, the model store.

Load balancers and Kubernetes take a check that is late for a process that is lost, and would take all of them out of
service at once for what they share.
"""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_S = 0.7
"""An answer waits so long: Kubernetes' probes wait for one second by default, HAProxy's checks for two."""


class Heartbeat:
    """Looks once at a time, however many want to know.

    Args:
        look: whether it works; it has a deadline of its own, and may be longer than `PATIENCE_S`.
    """

    def __init__(self, look: Callable[[], Awaitable[bool]]) -> None:
        self._look = look
        self._looking: asyncio.Task[bool] | None = None
        self._worked: bool | None = None

    async def works(self) -> bool:
        """What a look finds; if that takes longer than `PATIENCE_S`, what the one before it has found.

        The first look has none before it, and is waited for.

        Raises:
            Exception: whatever the look raises.
        """
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_now())
        looking = self._looking
        await asyncio.wait({looking}, timeout=None if self._worked is None else PATIENCE_S)
        return looking.result() if looking.done() else bool(self._worked)

    async def _look_now(self) -> bool:
        try:
            self._worked = await self._look()
            return self._worked
        finally:
            self._looking = None
