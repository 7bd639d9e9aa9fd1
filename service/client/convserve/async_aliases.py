"""The part of the client of programs that use `await` that says which version of a model answers."""

from abc import ABC, abstractmethod
from typing import TypeVar

from convserve import calls
from convserve.calls import Call, JsonObject

T = TypeVar("T")


class AsyncAliasCalls(ABC):
    """Aliases of models."""

    @abstractmethod
    async def send(self, call: Call[T]) -> T:
        """Send a call, see the client."""

    async def alias(self, model: str, alias: str) -> JsonObject:
        """Where an alias points and has pointed; with a canary or a shadow, how the versions compare."""
        found: JsonObject = await self.send(calls.get(calls.alias_path(model, alias)))
        return found

    async def set_alias(
        self,
        model: str,
        alias: str,
        version: int,
        *,
        canary: tuple[int, float] | None = None,
        shadow: tuple[int, float] | None = None,
    ) -> JsonObject:
        """Point an alias at a version.

        Args:
            model: its name.
            alias: its name.
            version: answers from now on.
            canary: a version, and the share of the requests that it answers instead; None: none does.
            shadow: a version, and the share of the requests that it is asked, too, to be compared; None: none is.
        """
        return await self.send(calls.set_alias(model, alias, version, {"canary": canary, "shadow": shadow}))

    async def delete_alias(self, model: str, alias: str) -> None:
        """Remove an alias."""
        await self.send(calls.delete(calls.alias_path(model, alias)))
